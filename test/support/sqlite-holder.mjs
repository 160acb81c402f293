// A second process that holds locks: argv = database, what ('read' | 'write' | 'commits' | 'idle'). Says "ready" on
// stdout. With `commits` every input commits its transaction, begins the next one, and says "ready" again.
import Database from 'better-sqlite3';

const [path, what] = process.argv.slice(2);
const db = new Database(path);
if (what === 'read') {
  db.exec('BEGIN');
  db.prepare('SELECT count(*) FROM sqlite_schema').get();
} else if (what === 'write' || what === 'commits') {
  db.exec('BEGIN IMMEDIATE');
} else {
  db.prepare('SELECT count(*) FROM sqlite_schema').get();
}
process.stdout.write('ready\n');
let commits = 0;
process.stdin.on('data', () => {
  if (what !== 'commits') return;
  commits += 1;
  db.pragma(`user_version = ${commits}`);
  db.exec('COMMIT; BEGIN IMMEDIATE');
  process.stdout.write('ready\n');
});
process.stdin.on('end', () => process.exit(0));
