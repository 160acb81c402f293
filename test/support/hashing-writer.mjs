// Makes a number of different commits and notes the hash of the whole database after each:
// node hashing-writer.mjs <database> <log> <commits> <pause ms> <seed> <chaos: 0|1>
import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import Database from 'better-sqlite3';

const [path, log, commits, pause, seedText, chaos] = process.argv.slice(2);
let seed = Number(seedText);
function random(limit) {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed % limit;
}
const db = new Database(path, { timeout: 20_000 });
db.pragma('synchronous = NORMAL');
const other = new Database(path, { timeout: 20_000 });
const steps = [
  () => db.prepare('INSERT INTO entry (value, body) VALUES (?, ?)').run(random(1000), 'x'.repeat(random(3000))),
  () => db.prepare('UPDATE entry SET body = ? WHERE id % 7 = ?').run('y'.repeat(random(300)), random(7)),
  () => db.prepare('DELETE FROM entry WHERE id IN (SELECT id FROM entry ORDER BY random() LIMIT 5)').run(),
  () => db.exec(`CREATE TABLE t${random(1e9)} (a, b); `),
  () => db.prepare('INSERT INTO entry (value, body) SELECT value, body FROM entry LIMIT ?').run(1 + random(40)),
];
let done = 0;
function commit(step) {
  const before = db.prepare('PRAGMA data_version').pluck().get();
  db.transaction(() => {
    step();
    db.prepare('UPDATE counter SET n = n + 1').run();
  })();
  note(before);
}
function note() {
  done += 1;
  const hash = createHash('sha256').update(db.serialize()).digest('hex');
  appendFileSync(log, `${done} ${hash} ${Date.now()}\n`);
}
const sleeper = new Int32Array(new SharedArrayBuffer(4));
while (done < Number(commits)) {
  commit(steps[random(steps.length)]);
  if (chaos === '1' && done % 23 === 0)
    other.pragma(`wal_checkpoint(${['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'][random(4)]})`);
  if (chaos === '1' && done % 97 === 0) {
    db.exec('VACUUM');
    note();
  }
  if (Number(pause) > 0) Atomics.wait(sleeper, 0, 0, Number(pause));
}
other.close();
db.close();
