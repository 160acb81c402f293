// The transaction `order-entry` (insert an order, move a position, insert a fill) through `loadtest run`, a hand-written
// better-sqlite3 loop, knex, and pgbench on PostgreSQL, on the same disk, with and without a sync for each commit.
//   npm run build && node bench/loadtest/postgres-reference.mjs [--rounds 3] [--seconds 3]
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import knex from 'knex';
import { orderEntryScenarios } from '../../dist/core/loadtest/scenario/order-entry.js';
import { StatementStream } from '../../dist/core/loadtest/stream/statement-stream.js';
import { createDatabase } from '../../dist/core/sqlite/connection.js';
import { normalProfile } from '../../dist/core/sqlite/pragma-profile.js';
import { systemClock } from '../../dist/system/system-clock.js';
import { systemRandom } from '../../dist/system/system-random.js';
import { launcher, printTable } from '../beside.mjs';
import { median } from '../sqlite-layer/measure.mjs';
import { findPostgres, startPostgres } from './postgres-server.mjs';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '3' } },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-reference-'));
// The user of the server must be able to enter it.
chmodSync(folder, 0o755);

const scenario = orderEntryScenarios.find(({ name }) => name === 'order-entry');
if (scenario === undefined) throw new Error('no scenario');
const sql = scenario.transactions[0]?.statements ?? [];
const drawn = new StatementStream(scenario, 1);

/** @param {string} name */
function prepared(name) {
  const path = join(folder, `${name}.db`);
  const connection = createDatabase(path, normalProfile, {
    clock: systemClock,
    random: systemRandom,
    busyTimeoutMs: 0,
  });
  scenario?.setup?.(connection);
  connection.close();
  return path;
}

const base = prepared('base');

/** @param {boolean} sync @param {number} clients */
function loadtest(sync, clients) {
  const run = ['--duration', `${seconds}s`, '--warmup', '500ms', '--seed', '1', '--clients', String(clients)];
  const more = ['--durability', sync ? 'full' : 'normal', '--scratch-dir', folder, '--progress', 'none', '--json'];
  const result = spawnSync(
    process.execPath,
    [launcher, 'loadtest', 'run', '-d', base, '--scenario', 'order-entry', ...run, ...more],
    { cwd: folder, encoding: 'utf8', maxBuffer: 1e8 },
  );
  if (result.stdout === '') throw new Error(result.stderr);
  return JSON.parse(result.stdout).data.transactions[0].perSecond;
}

/** @param {() => unknown} step */
async function rate(step) {
  const started = performance.now();
  let count = 0;
  while (performance.now() - started < seconds * 1000) {
    for (let i = 0; i < 10; i++) await step();
    count += 10;
  }
  return (count / (performance.now() - started)) * 1000;
}

let k = 0;
function next() {
  const values = drawn.parametersOf(k++, 0);
  return { ...values, clientId: `bench-${k}` };
}

/** @param {boolean} sync */
function pragmas(sync) {
  return [`synchronous = ${sync ? 'FULL' : 'NORMAL'}`, 'wal_autocheckpoint = 10000'];
}

/** @param {boolean} sync */
async function bare(sync) {
  const path = prepared('bare');
  const db = new Database(path);
  for (const pragma of pragmas(sync)) db.pragma(pragma);
  const [order, position, fill] = sql.map((text) => db.prepare(text));
  const enter = db.transaction(() => {
    const values = next();
    const orderId = order?.run(values).lastInsertRowid;
    position?.run(values);
    fill?.run({ orderId, quantity: values.quantity, price: values.price });
  });
  const result = await rate(() => enter.immediate());
  db.close();
  rmSync(path);
  return result;
}

/** @param {boolean} sync */
async function throughKnex(sync) {
  const path = prepared('knex');
  const db = knex({
    client: 'better-sqlite3',
    connection: { filename: path },
    useNullAsDefault: true,
    pool: {
      min: 1,
      max: 1,
      /** @param {Database.Database} raw @param {(error: null, raw: unknown) => void} done */
      afterCreate(raw, done) {
        for (const pragma of pragmas(sync)) raw.pragma(pragma);
        done(null, raw);
      },
    },
  });
  const [order = '', position = '', fill = ''] = sql;
  const result = await rate(() =>
    db.transaction(async (t) => {
      const values = next();
      const { lastInsertRowid: orderId } = await t.raw(order, values);
      await t.raw(position, values);
      await t.raw(fill, { orderId, quantity: values.quantity, price: values.price });
    }),
  );
  await db.destroy();
  rmSync(path);
  return result;
}

const pgSchema = `CREATE TABLE loadtest_orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, client_id text NOT NULL UNIQUE,
    account int NOT NULL, instrument int NOT NULL, side text NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity int NOT NULL CHECK (quantity > 0), price int NOT NULL, status text NOT NULL);
  CREATE INDEX ON loadtest_orders (account, id);
  CREATE TABLE loadtest_positions (account int, instrument int, quantity bigint NOT NULL, PRIMARY KEY (account, instrument));
  CREATE TABLE loadtest_fills (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES loadtest_orders, quantity int NOT NULL, price int NOT NULL);
  CREATE INDEX ON loadtest_fills (order_id);
  CREATE SEQUENCE client_ids;
  INSERT INTO loadtest_orders (client_id, account, instrument, side, quantity, price, status)
    SELECT 'base-' || i, 1 + i % 1000, 1 + i % 50, 'buy', 1, 10000, 'filled' FROM generate_series(1, 20000) i;
  INSERT INTO loadtest_positions SELECT account, instrument, count(*) FROM loadtest_orders GROUP BY 1, 2;
  INSERT INTO loadtest_fills (order_id, quantity, price) SELECT id, 1, 10000 FROM loadtest_orders;
  ANALYZE`;
const pgTransaction = `\\set account random(1, 1000)
\\set instrument random_zipfian(1, 50, 1.01)
\\set quantity random(1, 100)
\\set price random(10000, 14999)
BEGIN;
INSERT INTO loadtest_orders (client_id, account, instrument, side, quantity, price, status)
  VALUES (nextval('client_ids')::text, :account, :instrument, 'buy', :quantity, :price, 'filled') RETURNING id AS order_id \\gset
INSERT INTO loadtest_positions (account, instrument, quantity) VALUES (:account, :instrument, :quantity)
  ON CONFLICT (account, instrument) DO UPDATE SET quantity = loadtest_positions.quantity + excluded.quantity;
INSERT INTO loadtest_fills (order_id, quantity, price) VALUES (:order_id, :quantity, :price);
COMMIT;
`;

const bin = findPostgres();
const server = bin === undefined ? undefined : await startPostgres(bin, folder);
try {
  server?.psql(pgSchema);
  /** @type {{ name: string, run: (sync: boolean) => Promise<number> | number }[]} */
  const contenders = [
    { name: 'loadtest run, 1 client', run: (sync) => loadtest(sync, 1) },
    { name: 'loadtest run, 4 clients', run: (sync) => loadtest(sync, 4) },
    { name: 'better-sqlite3 loop', run: bare },
    { name: 'knex, raw SQL', run: throughKnex },
  ];
  if (server === undefined) console.log('pgbench: not run, no PostgreSQL is installed (Debian: postgresql)');
  else {
    for (const clients of [1, 4]) {
      const run = (/** @type {boolean} */ sync) => server.pgbench(pgTransaction, { clients, seconds, sync });
      contenders.push({ name: `pgbench, ${clients} client${clients === 1 ? '' : 's'}`, run });
    }
  }
  for (const sync of [true, false]) {
    /** @type {Map<string, number[]>} */
    const rates = new Map(contenders.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const { name, run } of round % 2 ? contenders.toReversed() : contenders)
        rates.get(name)?.push(await run(sync));
    }
    const title = sync ? 'FULL / synchronous_commit on' : 'NORMAL / synchronous_commit off';
    const first = rates.get('better-sqlite3 loop') ?? [];
    console.log(`\n${title}${server === undefined ? '' : `, PostgreSQL ${server.version}`}`);
    printTable([
      ['', 'per second', 'of the loop', 'least', 'most'],
      ...contenders.map(({ name }) => {
        const own = rates.get(name) ?? [];
        const ratio = median(own.map((one, round) => one / (first[round] ?? one)));
        const whole = (/** @type {number} */ one) => Math.round(one).toLocaleString('en-US');
        return [name, whole(median(own)), `${ratio.toFixed(2)}x`, whole(Math.min(...own)), whole(Math.max(...own))];
      }),
    ]);
  }
  console.log('\nratios to the loop are medians of those of each round');
} finally {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
}
