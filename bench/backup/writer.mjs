// A trading writer that measures itself: node writer.mjs <database> <tps, 0 for as fast as it can>
// On the message "take" it answers with the latencies (ms) of the commits since the last one.
import Database from 'better-sqlite3';

const [path, tps] = process.argv.slice(2);
const db = new Database(path, { timeout: 20_000 });
db.pragma('synchronous = NORMAL');
const order = db.prepare('INSERT INTO orders (account, price, qty, note) VALUES (?, ?, ?, ?)');
const position = db.prepare('UPDATE positions SET qty = qty + ? WHERE account = ?');
const transaction = db.transaction((step) => {
  order.run(step % 500, 100 + (step % 97), step % 10, 'x'.repeat(step % 60));
  position.run(step % 10, step % 500);
});
let latencies = [];
let step = 0;
const started = performance.now();
const pause = Number(tps) === 0 ? 0 : 1000 / Number(tps);
function turn() {
  const until = performance.now() + 20;
  while (performance.now() < until) {
    if (pause > 0 && step * pause > performance.now() - started) break;
    const begin = performance.now();
    transaction.immediate(step++);
    latencies.push(performance.now() - begin);
  }
  setTimeout(turn, pause > 0 ? 1 : 0);
}
process.on('message', () => {
  process.send(latencies);
  latencies = [];
});
process.on('disconnect', () => process.exit(0));
process.send('ready');
turn();
