// An engine beside the change: one short transaction about every 2 ms on table t. Says "ready"; ends when stdin does and
// prints { commits, errors, p50, p99, longest } in milliseconds. With a second argument "mirror" every statement goes to
// table m too, so that both must hold the same rows in the end.
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const [path, mode = 'plain'] = process.argv.slice(2);
const Database = createRequire(import.meta.url)('better-sqlite3');
const database = new Database(path, { timeout: 120_000 });
database.pragma('synchronous = NORMAL');
const tables = mode === 'mirror' ? ['t', 'm'] : ['t'];
const most = Number(database.prepare('SELECT max(id) FROM t').pluck().get());
const forms = [
  ['INSERT INTO % (px, qty, sym, note) VALUES(?, ?, ?, ?)', (id) => [id % 900, id, `S${id % 500}`, null]],
  ['UPDATE % SET px = ?, qty = qty + 1 WHERE id = ?', (id) => [id % 700, id]],
  ['UPDATE % SET sym = ?, note = ? WHERE id = ?', (id) => [`S${id % 499}`, `n${id}`, id]],
  ['DELETE FROM % WHERE id = ?', (id) => [id]],
];
const statements = forms.map(([sql, values]) => [
  tables.map((table) => database.prepare(sql.replace('%', table))),
  values,
]);
const latencies = [];
let errors = 0;
let running = true;
process.stdin.resume();
process.stdin.on('end', () => {
  running = false;
});
process.stdout.write('ready\n');
for (let turn = 0; running; turn++) {
  const [prepared, values] = statements[turn % statements.length];
  const bound = values(1 + Math.floor(Math.random() * most));
  const started = performance.now();
  try {
    database.exec('BEGIN IMMEDIATE');
    for (const statement of prepared) statement.run(...bound);
    database.exec('COMMIT');
    latencies.push(performance.now() - started);
  } catch {
    errors += 1;
    if (database.inTransaction) database.exec('ROLLBACK');
  }
  await sleep(2);
}
database.close();
latencies.sort((left, right) => left - right);
const at = (share) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
process.stdout.write(
  `${JSON.stringify({ commits: latencies.length, errors, p50: at(0.5), p99: at(0.99), longest: at(1) })}\n`,
);
