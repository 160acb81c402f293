// Index advice for a trading workload beside `.expert` of the sqlite3 command line and beside the indexes that the
// reference schema has: total time of the workload on values that no side has seen, index bytes, and the time to advise.
//   npm run build && node bench/analyze/trading.mjs [orders] [rounds]
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDatabase, openReadOnly, openReadWrite } from '../../dist/core/sqlite/connection.js';
import { normalProfile } from '../../dist/core/sqlite/pragma-profile.js';
import { generateSample } from '../../dist/core/trading/market/generator.js';
import { applyReferenceSchema } from '../../dist/core/trading/reference-schema.js';
import { systemClock } from '../../dist/system/system-clock.js';
import { systemRandom } from '../../dist/system/system-random.js';

const orders = Number(process.argv[2] ?? 30_000);
const rounds = Number(process.argv[3] ?? 5);
const launcher = fileURLToPath(new URL('../../bin/tradedb.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const ports = { clock: systemClock, random: systemRandom };
const quiet = () => {};

/** Name, executions a day, statement, and a query that draws one set of values. */
const reads = [
  [
    'open orders of an account',
    5000,
    'SELECT order_id, price, qty FROM orders WHERE account_id = ? AND instrument_id = ? AND is_open = 1',
    'SELECT account_id, instrument_id FROM orders ORDER BY random() LIMIT 1',
  ],
  [
    'order by client id',
    20000,
    'SELECT order_id, status FROM orders WHERE account_id = ? AND client_order_id = ?',
    'SELECT account_id, client_order_id FROM orders ORDER BY random() LIMIT 1',
  ],
  [
    'history page',
    500,
    'SELECT order_id, status, price, qty FROM orders WHERE account_id = ? AND created_us < ? ORDER BY created_us DESC LIMIT 50',
    'SELECT account_id, created_us FROM orders ORDER BY random() LIMIT 1',
  ],
  [
    'fills of an order',
    3000,
    'SELECT fill_id, price, qty FROM fills WHERE order_id = ?',
    'SELECT order_id FROM fills ORDER BY random() LIMIT 1',
  ],
  [
    'fills of a day',
    50,
    'SELECT instrument_id, sum(notional), count(*) FROM fills WHERE account_id = ? AND exec_us BETWEEN ? AND ? + 86400000000 GROUP BY instrument_id',
    'SELECT account_id, exec_us, exec_us FROM fills ORDER BY random() LIMIT 1',
  ],
  [
    'orders of an instrument',
    200,
    'SELECT count(*), sum(filled_qty) FROM orders WHERE instrument_id = ? AND created_us > ?',
    'SELECT instrument_id, created_us FROM orders ORDER BY random() LIMIT 1',
  ],
  [
    'rejected orders',
    20,
    "SELECT order_id, created_us FROM orders WHERE status = 'REJECTED' ORDER BY created_us DESC LIMIT 20",
    null,
  ],
  [
    'balance of an account',
    2000,
    'SELECT sum(amount) FROM postings WHERE ledger_account_id = ?',
    'SELECT ledger_account_id FROM postings ORDER BY random() LIMIT 1',
  ],
  [
    'audit trail of an order',
    300,
    'SELECT seq, ts_us FROM audit_log WHERE entity = ? AND entity_id = ? ORDER BY seq',
    'SELECT entity, entity_id FROM audit_log ORDER BY random() LIMIT 1',
  ],
  [
    'last prices',
    1000,
    'SELECT close FROM candles WHERE instrument_id = ? AND interval_s = ? ORDER BY open_us DESC LIMIT 30',
    'SELECT instrument_id, interval_s FROM candles ORDER BY random() LIMIT 1',
  ],
  [
    'journal of a fill',
    500,
    'SELECT j.journal_id, p.amount FROM journal j JOIN postings p ON p.journal_id = j.journal_id WHERE j.fill_id = ?',
    'SELECT fill_id FROM journal WHERE fill_id IS NOT NULL ORDER BY random() LIMIT 1',
  ],
];
const writes = [
  [
    'new status',
    20000,
    'UPDATE orders SET status = status, updated_us = updated_us + 1 WHERE order_id = ?',
    'SELECT order_id FROM orders ORDER BY random() LIMIT 1',
  ],
  [
    'new fill',
    3000,
    "INSERT INTO fills(order_id, account_id, instrument_id, venue_trade_id, side, price, qty, notional, exec_us, recv_us) SELECT order_id, account_id, instrument_id, 'bench' || ?, side, price, qty, notional, exec_us, recv_us FROM fills WHERE fill_id = ?",
    'SELECT abs(random()) % 1000000000, fill_id FROM fills ORDER BY random() LIMIT 1',
  ],
  [
    'new event',
    60000,
    'INSERT OR REPLACE INTO order_events SELECT * FROM order_events WHERE order_id = ?',
    'SELECT order_id FROM order_events ORDER BY random() LIMIT 1',
  ],
];

async function makeDatabase(path) {
  const connection = createDatabase(path, normalProfile, ports);
  applyReferenceSchema(connection);
  connection.pragma('foreign_keys = 0');
  const context = {
    clock: systemClock,
    signal: new AbortController().signal,
    progress: { start: () => ({ advance: quiet, total: quiet, done: quiet }) },
  };
  await generateSample(connection, { orders, instruments: 50, days: 60, mix: 'oms', seed: 1 }, context);
  connection.exec('ANALYZE');
  connection.pragma('wal_checkpoint(TRUNCATE)');
  connection.pragma('journal_mode = DELETE');
  connection.close();
}

/** The same rows without the indexes that somebody thought of. */
function strip(path) {
  const connection = openReadWrite(path, normalProfile, ports);
  const names = connection.all("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE 'CREATE INDEX%'");
  for (const { name } of names) connection.exec(`DROP INDEX "${name}"`);
  connection.exec('VACUUM; ANALYZE');
  connection.close();
}

function draw(connection, sql, count) {
  if (sql === null) return [[]];
  return Array.from({ length: count }, () => connection.prepare(sql).asArrays().get());
}

function workloadText(statements) {
  return statements
    .map(([name, weight, sql, , sets]) =>
      [
        `-- @name ${name}`,
        `-- @weight ${weight}`,
        ...sets.map((set) => `-- @params ${JSON.stringify(set)}`),
        `${sql};\n`,
      ].join('\n'),
    )
    .join('\n');
}

function expertIndexes(database, statements) {
  const found = new Set();
  for (const [, , sql, , sets] of statements) {
    let at = 0;
    const text = sql.replace(/\?/g, () => {
      const value = sets[0][at++];
      return typeof value === 'string' ? `'${value}'` : String(value);
    });
    const output = execFileSync('sqlite3', [database, '.expert', `${text};`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    for (const line of output.split('\n')) if (line.startsWith('CREATE INDEX')) found.add(line.replace(/;.*$/, ''));
  }
  return [...found];
}

function applyIndexes(source, target, statements) {
  copyFileSync(source, target);
  const connection = openReadWrite(target, normalProfile, ports);
  for (const sql of statements) connection.exec(sql);
  connection.exec('ANALYZE');
  connection.close();
}

/** Weighted total of the best times over the sets, in milliseconds a day. */
function measure(path, statements, isWrite) {
  const connection = isWrite ? openReadWrite(path, normalProfile, ports) : openReadOnly(path, ports);
  let total = 0;
  for (const [, weight, sql, , , heldOut] of statements) {
    const statement = connection.prepare(sql);
    let sum = 0;
    for (const set of heldOut) {
      let best = Number.POSITIVE_INFINITY;
      for (let run = 0; run < 5; run++) {
        if (isWrite) connection.exec('BEGIN IMMEDIATE');
        const started = performance.now();
        if (isWrite) statement.run(set);
        else statement.all(set);
        best = Math.min(best, performance.now() - started);
        if (isWrite) connection.exec('ROLLBACK');
      }
      sum += best;
    }
    total += (weight * sum) / heldOut.length;
  }
  connection.close();
  return total;
}

const full = join(folder, 'full.db');
const bare = join(folder, 'bare.db');
await makeDatabase(full);
copyFileSync(full, bare);
strip(bare);
const look = openReadOnly(bare, ports);
for (const statement of [...reads, ...writes]) statement.push(draw(look, statement[3], 9), draw(look, statement[3], 9));
look.close();
writeFileSync(join(folder, 'w.sql'), workloadText([...reads, ...writes]));

const started = performance.now();
const advice = JSON.parse(
  execFileSync(
    process.execPath,
    [launcher, 'analyze', 'indexes', '-d', bare, '-w', join(folder, 'w.sql'), '--json', '--progress', 'none'],
    {
      encoding: 'utf8',
      maxBuffer: 1e9,
    },
  ),
);
const adviceMs = performance.now() - started;
const ours = advice.data.recommendations.filter((one) => one.action === 'create').map((one) => one.sql);
const expert = expertIndexes(bare, reads);
const variants = { none: [], '.expert': expert, ours, again: ours };
for (const [name, indexes] of Object.entries(variants)) applyIndexes(bare, join(folder, `${name}.db`), indexes);
copyFileSync(full, join(folder, 'own schema.db'));
const names = [...Object.keys(variants), 'own schema'];
const best = Object.fromEntries(names.map((name) => [name, { reads: [], writes: [] }]));
for (let round = 0; round < rounds; round++) {
  for (const name of names) {
    best[name].reads.push(measure(join(folder, `${name}.db`), reads, false));
    best[name].writes.push(measure(join(folder, `${name}.db`), writes, true));
  }
}
const low = (values) => Math.min(...values);
const bytes = (name) => statSync(join(folder, `${name}.db`)).size - statSync(bare).size;
console.log(
  `${orders} orders, ${(statSync(bare).size / 1e6).toFixed(1)} MB, ${rounds} rounds; advice took ${(adviceMs / 1000).toFixed(1)} s, complete: ${advice.data.complete}, plans equal on copy and shadow: ${advice.data.parity.equal} of ${advice.data.parity.total}`,
);
console.log('variant        indexes      bytes   reads ms/day   none/this   writes ms/day   this/none');
for (const name of names) {
  const { reads: r, writes: w } = best[name];
  const count = name in variants ? variants[name].length : '-';
  console.log(
    `${name.padEnd(14)} ${String(count).padStart(7)} ${String(bytes(name)).padStart(10)} ${low(r).toFixed(1).padStart(14)} ${(low(best.none.reads) / low(r)).toFixed(1).padStart(11)} ${low(w).toFixed(1).padStart(15)} ${(low(w) / low(best.none.writes)).toFixed(2).padStart(11)}`,
  );
}
for (const sql of ours) console.log(`  ours     ${sql}`);
for (const sql of expert) console.log(`  .expert  ${sql}`);
rmSync(folder, { recursive: true });
