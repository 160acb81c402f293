// Writes to table t of a database as an engine would, and the same statement to m, which is never changed otherwise:
// whatever happens to t, both must hold the same rows. Ends when stdin does, and prints { commits, errors, longestMs }.
import { createRequire } from 'node:module';

const [path, pauseMs = '1'] = process.argv.slice(2);
const Database = createRequire(import.meta.url)('better-sqlite3');
const database = new Database(path, { timeout: 10_000 });
database.pragma('foreign_keys = ON');
database.pragma('synchronous = NORMAL');
let seed = 12345;
const chance = (below) => {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return Math.floor((seed / 2147483648) * below);
};
const most = Number(database.prepare('SELECT max(id) FROM t').pluck().get());
const forms = [
  [
    'INSERT OR IGNORE INTO % (id, px, sym, ref) VALUES(?, ?, ?, ?)',
    (id) => [most + id, chance(500), `s${chance(50)}`, `w${id}`],
  ],
  [
    'INSERT OR REPLACE INTO % (id, px, sym, ref) VALUES(?, ?, ?, ?)',
    (id) => [id, chance(500), `s${chance(50)}`, `r${chance(most)}`],
  ],
  ['UPDATE OR IGNORE % SET px = ?, sym = ? WHERE id = ?', (id) => [chance(900), `u${chance(9)}`, id]],
  ['UPDATE OR REPLACE % SET id = ? WHERE id = ?', (id) => [most + chance(5000), id]],
  ['UPDATE OR REPLACE % SET ref = ? WHERE id = ?', (id) => [`r${chance(most)}`, id]],
  ['DELETE FROM % WHERE id = ?', (id) => [id]],
];
const statements = forms.map(([sql, values]) => [
  ['t', 'm'].map((table) => database.prepare(sql.replaceAll('%', table))),
  values,
]);
let commits = 0;
let longestMs = 0;
const errors = [];
let ended = false;
process.stdin.on('end', () => {
  ended = true;
});
process.stdin.resume();
process.stdout.write('ready\n');
const turn = () => {
  if (ended) {
    database.close();
    process.stdout.write(JSON.stringify({ commits, errors, longestMs }));
    return;
  }
  const [pair, values] = statements[chance(statements.length)];
  const bound = values(chance(most));
  const started = performance.now();
  try {
    database
      .transaction(() => {
        for (const statement of pair) statement.run(...bound);
      })
      .immediate();
    commits += 1;
  } catch (error) {
    errors.push(String(error));
  }
  longestMs = Math.max(longestMs, performance.now() - started);
  setTimeout(turn, Number(pauseMs));
};
turn();
