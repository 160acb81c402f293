// Writes transactions into a database until it is killed: node counting-writer.mjs <path> <tps, 0 for full speed>
// Invariant of every committed state: counter.n = count of entry, counter.total = sum of entry.value.
import Database from 'better-sqlite3';

const [path, tps] = process.argv.slice(2);
const db = new Database(path, { timeout: 10_000 });
db.pragma('synchronous = NORMAL');
const insert = db.prepare('INSERT INTO entry (value, body) VALUES (?, ?)');
const count = db.prepare('UPDATE counter SET n = n + ?, total = total + ?');
const change = db.prepare('UPDATE entry SET body = ? WHERE id = ?');
let step = 0;
const transaction = db.transaction(() => {
  const rows = 1 + (step % 4);
  let total = 0;
  for (let row = 0; row < rows; row++) {
    insert.run(step + row, `${step}`.padEnd(50 + ((step * 31) % 400), 'x'));
    total += step + row;
  }
  count.run(rows, total);
  change.run(`${step}`.repeat(1 + (step % 7)), 1 + ((step * 7919) % 1000));
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
const pause = Number(tps) === 0 ? 0 : 1000 / Number(tps);
const started = performance.now();
function turn() {
  const until = performance.now() + 20;
  while (performance.now() < until) {
    if (pause > 0 && step * pause > performance.now() - started) break;
    transaction.immediate();
    step++;
  }
  setTimeout(turn, pause > 0 ? 2 : 0);
}
turn();
