// A writer that never rests: argv = database, pause in ms between transactions. Says "ready" once it commits.
import Database from 'better-sqlite3';

const [path, pause] = process.argv.slice(2);
const db = new Database(path);
db.pragma('synchronous = OFF');
db.pragma('wal_autocheckpoint = 60');
db.pragma('busy_timeout = 5000');
const insert = db.prepare('INSERT INTO trade (symbol, qty, note, raw) VALUES (?, ?, ?, ?)');
const remove = db.prepare('DELETE FROM trade WHERE id % 5 = ? AND id < (SELECT max(id) - 200 FROM trade)');
const update = db.prepare("UPDATE trade SET note = note || 'longer' WHERE id % 41 = ?");
let round = 0;
const once = () => {
  round += 1;
  db.transaction(() => {
    for (let row = 0; row < 20; row++)
      insert.run(`S${row % 7}`, round, 'n'.repeat((row * 37) % 600), Buffer.alloc((row % 9) * 800));
    if (round % 4 === 0) remove.run(round % 5);
    if (round % 3 === 0) update.run(round % 41);
  })();
  if (round === 3) process.stdout.write('ready\n');
  setTimeout(once, Number(pause));
};
once();
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
