// `tradedb migrate import --from csv` of candles with decimal prices, beside `.import` of the sqlite3 command line of the same
// candles as ready integers into the same table, and beside a bare loop of prepared inserts of these integers through the
// driver, which is as fast as any program of Node can be: alternately, each into a new file. Target: 0.7 times the rate of
// `.import` or more.
//   npm run build && node bench/import/csv.mjs [rows] [rounds]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { launcher, printTable } from '../beside.mjs';

const [rows = 1_000_000, rounds = 3] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const file = (name) => join(folder, name);
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const cents = (value) => (value / 100).toFixed(2);

/** Both forms of the same candles. */
function writeFiles(count, name) {
  const decimals = ['time,open,high,low,close,volume'];
  const integers = [];
  for (let n = 0; n < count; n += 1) {
    const seconds = 1_577_836_800 + n * 60;
    const open = 6_400_000 + ((n * 7919) % 20_000);
    const close = 6_400_000 + ((n * 104_729) % 20_000);
    const [high, low] = [6_420_000 + (n % 40), 6_390_000 - (n % 40)];
    const volume = n % 977;
    decimals.push(`${seconds},${cents(open)},${cents(high)},${cents(low)},${cents(close)},${volume}`);
    integers.push(`1,60,${seconds * 1_000_000},${open},${high},${low},${close},${volume}`);
  }
  writeFileSync(file(`${name}-1m.csv`), `${decimals.join('\n')}\n`);
  writeFileSync(file(`${name}.integers`), `${integers.join('\n')}\n`);
}

function run(program, args, input) {
  const started = performance.now();
  const { status, stderr, error } = spawnSync(program, args, { input, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (error !== undefined || status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}${error ?? ''}`);
  return { ms: performance.now() - started, stderr };
}

const remove = (name) => {
  for (const end of ['', '-wal', '-shm', '-journal']) rmSync(file(name) + end, { force: true });
};

function importCsv(name, target) {
  const args = [
    launcher,
    'migrate',
    'import',
    file(`${name}-1m.csv`),
    '--from',
    'csv',
    '--venue',
    'v',
    '--quote',
    'USDT',
  ];
  return run(process.execPath, [...args, '-d', file(target), '--create', '--quiet']).ms;
}

const table = `CREATE TABLE candles (instrument_id INTEGER NOT NULL, interval_s INTEGER NOT NULL, open_us INTEGER NOT NULL,
    open INTEGER NOT NULL, high INTEGER NOT NULL, low INTEGER NOT NULL, close INTEGER NOT NULL, volume INTEGER NOT NULL,
    PRIMARY KEY (instrument_id, interval_s, open_us)) STRICT, WITHOUT ROWID;`;
const pragmas = ['journal_mode = WAL', 'synchronous = NORMAL', 'cache_size = -65536'];

function importByShell(name) {
  remove('shell.db');
  const set = pragmas.map((pragma) => `PRAGMA ${pragma};`).join(' ');
  return run('sqlite3', [file('shell.db')], `${table} ${set}\n.import --csv ${file(`${name}.integers`)} candles\n`).ms;
}

function insertBare(count) {
  remove('bare.db');
  const started = performance.now();
  const db = new Database(file('bare.db'));
  for (const pragma of pragmas) db.pragma(pragma);
  db.exec(table);
  const insert = db.prepare('INSERT INTO candles VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const batch = db.transaction((from, to) => {
    for (let n = from; n < to; n += 1) {
      const [high, low] = [6_420_000 + (n % 40), 6_390_000 - (n % 40)];
      insert.run(1, 60, (1_577_836_800 + n * 60) * 1e6, 6_400_000, high, low, 6_410_000, n % 977);
    }
  });
  for (let from = 0; from < count; from += 10_000) batch(from, Math.min(from + 10_000, count));
  db.close();
  return performance.now() - started;
}

try {
  const version = spawnSync('sqlite3', ['--version'], { encoding: 'utf8' });
  if (version.error !== undefined) {
    console.log('sqlite3 is not on the PATH: nothing to compare with');
  } else {
    writeFiles(rows, 'BTCUSDT');
    const shell = [];
    const bare = [];
    const ours = [];
    const again = [];
    for (let round = 0; round < rounds; round += 1) {
      shell.push(importByShell('BTCUSDT'));
      bare.push(insertBare(rows));
      remove('trading.db');
      ours.push(importCsv('BTCUSDT', 'trading.db'));
      again.push(importCsv('BTCUSDT', 'trading.db'));
    }
    const rate = (ms) => Math.round((rows / median(ms)) * 1000);
    printTable([
      ['', 'rows/s', 'times .import'],
      ['sqlite3 .import of integers', rate(shell), 1],
      ['bare loop of inserts', rate(bare), (median(shell) / median(bare)).toFixed(2)],
      ['migrate import --from csv', rate(ours), (median(shell) / median(ours)).toFixed(2)],
      ['the same, nothing new', rate(again), (median(shell) / median(again)).toFixed(2)],
    ]);
    console.log(`sqlite3 ${version.stdout.split(' ')[0]}, ${rows} candles, median of ${rounds}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
