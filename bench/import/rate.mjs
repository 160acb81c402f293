// How fast `tradedb migrate import` is beside a bare loop of prepared inserts of the same target rows, with the same batches
// and pragmas, in one run: bars of vn.py (one target row each) and orders of freqtrade (a dozen target rows each). Then the
// peak memory, and a second run over the unchanged source.
//   npm run build && node bench/import/rate.mjs [bars] [orders] [rounds]
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import Database from 'better-sqlite3';
import { launcher, printTable, watchMemory } from '../beside.mjs';

const [bars = 2_000_000, orders = 100_000, rounds = 3] = process.argv.slice(2).map(Number);
const batchRows = 10_000;
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const file = (name) => join(folder, name);
const cpuTime = fileURLToPath(new URL('../cpu-time.mjs', import.meta.url));

function makeBars(path, count) {
  const db = new Database(path);
  db.pragma('synchronous = OFF');
  db.exec(`CREATE TABLE dbbardata (id INTEGER NOT NULL PRIMARY KEY, symbol VARCHAR(255) NOT NULL, exchange VARCHAR(255) NOT NULL,
    datetime DATETIME NOT NULL, interval VARCHAR(255) NOT NULL, volume REAL NOT NULL, turnover REAL NOT NULL,
    open_interest REAL NOT NULL, open_price REAL NOT NULL, high_price REAL NOT NULL, low_price REAL NOT NULL,
    close_price REAL NOT NULL);
    CREATE UNIQUE INDEX dbbardata_key ON dbbardata (symbol, exchange, interval, datetime)`);
  db.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)
     INSERT INTO dbbardata SELECT i + 1, 'rb24' || printf('%02d', i / 500000), 'SHFE',
       datetime(1577836800 + 60 * (i % 500000), 'unixepoch'), '1m', i % 977, 0.0, 1000 + i % 31,
       (30000 + (i * 7919) % 2000) / 10.0, (32100 + i % 40) / 10.0, (29900 - i % 40) / 10.0, (30000 + (i * 104729) % 2000) / 10.0
     FROM n`,
  ).run(count);
  db.close();
}

function makeOrders(path, count) {
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = OFF');
  db.exec(`CREATE TABLE trades (id INTEGER PRIMARY KEY, exchange VARCHAR(25), pair VARCHAR(25), is_open BOOLEAN, fee_open FLOAT,
      fee_close FLOAT, open_rate FLOAT, stake_amount FLOAT, open_date DATETIME, amount FLOAT, close_profit_abs FLOAT,
      is_short BOOLEAN, trading_mode VARCHAR(7), strategy VARCHAR(100), amount_precision FLOAT, price_precision FLOAT,
      precision_mode INTEGER, precision_mode_price INTEGER, is_stop_loss_trailing BOOLEAN, leverage FLOAT, contract_size FLOAT);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, ft_trade_id INTEGER, ft_order_side VARCHAR(25), ft_pair VARCHAR(25),
      ft_is_open BOOLEAN, ft_amount FLOAT, ft_price FLOAT, order_id VARCHAR(255), status VARCHAR(255), symbol VARCHAR(25),
      order_type VARCHAR(50), side VARCHAR(25), price FLOAT, average FLOAT, amount FLOAT, filled FLOAT, remaining FLOAT,
      cost FLOAT, order_date DATETIME, order_filled_date DATETIME, order_update_date DATETIME, ft_order_tag VARCHAR(255),
      UNIQUE (ft_pair, order_id));
    CREATE INDEX ix_orders_ft_trade_id ON orders (ft_trade_id)`);
  const trades = Math.round(count / 2);
  db.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     INSERT INTO trades SELECT i, 'binance', 'C' || (i % 40) || '/USDT', 0, 0.001, 0.001, 100.5, 50.25,
       strftime('%Y-%m-%d %H:%M:%f', 1577836800 + 600 * i, 'unixepoch'), 0.5, (101.5 - 100.5) * 0.5 - (101.5 + 100.5) * 0.5 * 0.001,
       0, 'SPOT', 'S', 3, 2, 2, 2, 0, 1.0, 1.0 FROM n`,
  ).run(trades);
  db.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     INSERT INTO orders SELECT i - 1, i / 2, CASE WHEN i % 2 THEN 'sell' ELSE 'buy' END, 'C' || ((i / 2) % 40) || '/USDT', 0, 0.5,
       100.5 + i % 2, 'v' || i, 'closed', 'C' || ((i / 2) % 40) || '/USDT', 'limit', CASE WHEN i % 2 THEN 'sell' ELSE 'buy' END,
       100.5 + i % 2, 100.5 + i % 2, 0.5, 0.5, 0.0, (100.5 + i % 2) * 0.5,
       strftime('%Y-%m-%d %H:%M:%f', 1577836800 + 300 * i, 'unixepoch'), strftime('%Y-%m-%d %H:%M:%f', 1577836801 + 300 * i, 'unixepoch'),
       strftime('%Y-%m-%d %H:%M:%f', 1577836801 + 300 * i, 'unixepoch'), NULL FROM n`,
  ).run(2 * trades + 1);
  db.close();
}

/** The command in a process of its own: seconds on the wall and of CPU, peak memory. */
function imported(source, target, ...more) {
  const args = [
    launcher,
    'migrate',
    'import',
    source,
    '-d',
    target,
    '--create',
    '--json',
    '--progress',
    'none',
    ...more,
  ];
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const env = { ...process.env, BENCH_CPU_FILE: file('cpu') };
    const child = spawn(process.execPath, ['--import', pathToFileURL(cpuTime).href, ...args], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    const peakMemory = watchMemory(child.pid);
    child.on('close', (code) => {
      const megabytes = peakMemory();
      const seconds = (performance.now() - started) / 1000;
      if (code !== 0) return reject(new Error(`the import ended with ${code}: ${output}`));
      resolve({ seconds, cpu: Number(readFileSync(file('cpu'), 'utf8')) / 1000, megabytes });
    });
  });
}

/** Copies the rows of tables from an imported target into an empty one: the bare loop. Reading is not timed. */
function bare(from, tables) {
  const source = new Database(from, { readonly: true });
  source.defaultSafeIntegers(true);
  const path = file('bare.db');
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = NORMAL');
  db.pragma('wal_autocheckpoint = 10000');
  db.pragma('cache_size = -65536');
  const schema = source.prepare(
    "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND type IN ('table', 'index')",
  );
  for (const { sql } of schema.all()) db.exec(sql);
  db.pragma('foreign_keys = OFF');
  db.prepare('ATTACH ? AS imported').run(from);
  for (const table of referenceTables) db.exec(`INSERT OR IGNORE INTO ${table} SELECT * FROM imported.${table}`);
  db.exec('DETACH imported');
  db.pragma('foreign_keys = ON');
  let seconds = 0;
  let cpu = 0;
  let rows = 0;
  for (const table of tables) {
    const columns = source.prepare('SELECT name FROM pragma_table_info(?)').pluck().all(table);
    const insert = db.prepare(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    );
    const write = db.transaction((batch) => {
      for (const row of batch) insert.run(row);
    });
    let batch = [];
    const flush = () => {
      const started = performance.now();
      const before = process.cpuUsage();
      write.immediate(batch);
      const { user, system } = process.cpuUsage(before);
      cpu += (user + system) / 1e6;
      seconds += (performance.now() - started) / 1000;
      rows += batch.length;
      batch = [];
    };
    for (const row of source
      .prepare(`SELECT ${columns.join(', ')} FROM ${table}`)
      .raw()
      .iterate()) {
      batch.push(row);
      if (batch.length === batchRows) flush();
    }
    if (batch.length > 0) flush();
  }
  db.close();
  source.close();
  remove(path);
  return { seconds, cpu, rows };
}

const remove = (path) => {
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
};
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const perSecond = (rows, seconds) => Math.round(rows / seconds).toLocaleString('en-US');
const referenceTables = [
  'assets',
  'venues',
  'instruments',
  'accounts',
  'strategies',
  'ledger_accounts',
  'import_sources',
];
const orderTables = ['orders', 'order_events', 'fills', 'journal', 'postings', 'external_refs', 'external_attributes'];

async function compare(name, source, sourceRows, tables, ...more) {
  const target = file('target.db');
  const runs = { first: [], second: [], loop: [] };
  for (let round = 0; round < rounds; round += 1) {
    remove(target);
    runs.first.push(await imported(source, target, ...more));
    runs.second.push(await imported(source, target, ...more));
    runs.loop.push(bare(target, tables));
  }
  const of = (kind, value) => median(runs[kind].map((run) => run[value]));
  const { rows } = runs.loop[0];
  return [
    name,
    sourceRows.toLocaleString('en-US'),
    rows.toLocaleString('en-US'),
    perSecond(rows, of('first', 'seconds')),
    perSecond(rows, of('loop', 'seconds')),
    ...['seconds', 'cpu'].map((value) => `${(of('loop', value) / of('first', value)).toFixed(2)}x`),
    `${Math.round(Math.max(...runs.first.map(({ megabytes }) => megabytes)))} MB`,
    ...['seconds', 'cpu'].map((value) => `${(of('first', value) / of('second', value)).toFixed(1)}x`),
  ];
}

try {
  const small = Math.max(1000, Math.round(bars / 10));
  makeBars(file('bars.db'), bars);
  makeBars(file('few.db'), small);
  makeOrders(file('tradesv3.sqlite'), orders);
  const zone = ['--timezone', 'Asia/Shanghai'];
  const table = [
    ['source', 'rows', 'target rows', 'rows/s', 'bare loop', 'ratio', 'of CPU', 'memory', 'second run', 'of CPU'],
    await compare('bars of vn.py', file('bars.db'), bars, ['candles'], ...zone),
    await compare('bars of vn.py', file('few.db'), small, ['candles'], ...zone),
    await compare('orders of freqtrade', file('tradesv3.sqlite'), orders, orderTables),
  ];
  printTable(table);
  console.log('rows/s: target rows of the whole command: start-up, scan, booking, settling, reconciliation');
  console.log('bare loop: the inserts alone; second run: how much faster it is than the first');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
