// Beside an archive run: changes due rows, adds new ones and deletes some, and logs what it committed.
// argv: database, log file. Each log line is a committed change: ["set", id, value] or ["gone", id].
import { appendFileSync } from 'node:fs';
import Database from 'better-sqlite3';

const [, , path, log] = process.argv;
const db = new Database(path, { timeout: 5000 });
db.pragma('foreign_keys = ON');
const highest = db.prepare('SELECT max(id) FROM event').pluck().get();
let seed = 1;
const random = () => {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return seed / 2147483648;
};
const change = db.prepare('UPDATE event SET note = ? WHERE id = ?');
const add = db.prepare('INSERT INTO event (id, at, note) VALUES (?, ?, ?)');
const remove = db.prepare('DELETE FROM event WHERE id = ?');
let next = highest + 1;
process.stdin.on('end', () => process.exit(0)).resume();
process.stdout.write('ready\n');
for (;;) {
  const roll = random();
  const id = 1 + Math.floor(random() * highest);
  // Only what has been committed is logged; a kill between both leaves a change that the log does not know.
  if (roll < 0.5) {
    const note = `changed ${next} ${Math.floor(random() * 1e9)}`;
    if (change.run(note, id).changes === 1) appendFileSync(log, `${JSON.stringify(['set', id, note])}\n`);
  } else if (roll < 0.7) {
    add.run(next, 1_000, 'late row');
    appendFileSync(log, `${JSON.stringify(['set', next, 'late row'])}\n`);
    next += 1;
  } else if (roll < 0.75 && id % 2 === 1) {
    // Rows with an even number have details, which a writer would have to remove first.
    if (remove.run(id).changes === 1) appendFileSync(log, `${JSON.stringify(['gone', id])}\n`);
  }
  await new Promise((resolve) => setTimeout(resolve, 1));
}
