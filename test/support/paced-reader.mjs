// A healthy reader: short transactions, again and again, each with a fresh snapshot: argv = database.
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';

const db = new Database(process.argv[2], { readonly: true, timeout: 5000 });
const read = db.prepare('SELECT count(*) FROM ticks');
let running = true;
process.stdin.resume();
process.stdin.on('end', () => {
  running = false;
});
process.stdout.write('ready\n');
while (running) {
  db.exec('BEGIN');
  read.get();
  await sleep(5);
  db.exec('COMMIT');
  await sleep(1);
}
db.close();
