// `tradedb migrate import --from csv` of candles with decimal prices, beside `.import` of the sqlite3 command line of the same
// candles as ready integers into the same table: alternately, each into a new file. The second run, and the peak memory of
// both sizes, too. Target: 0.7 times the rate of `.import` or more; memory at full size at most 1.3 times that of a tenth.
//   npm run build && node bench/import/csv.mjs [rows] [rounds]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** The peak memory in MB, by GNU time where it is there. */
function importCsv(name, target) {
  const args = [launcher, 'migrate', 'import', file(`${name}-1m.csv`), '--from', 'csv', '--venue', 'v', '--quote', 'USDT'];
  return run(process.execPath, [...args, '-d', file(target), '--create', '--quiet']).ms;
}

function importByShell(name) {
  remove('shell.db');
  const sql = `CREATE TABLE candles (instrument_id INTEGER NOT NULL, interval_s INTEGER NOT NULL, open_us INTEGER NOT NULL,
    open INTEGER NOT NULL, high INTEGER NOT NULL, low INTEGER NOT NULL, close INTEGER NOT NULL, volume INTEGER NOT NULL,
    PRIMARY KEY (instrument_id, interval_s, open_us)) STRICT, WITHOUT ROWID;
    PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;
    .import --csv ${file(`${name}.integers`)} candles`;
  return run('sqlite3', [file('shell.db')], sql.replaceAll('\n    .import', '\n.import')).ms;
}

try {
  const version = spawnSync('sqlite3', ['--version'], { encoding: 'utf8' });
  if (version.error !== undefined) {
    console.log('sqlite3 is not on the PATH: nothing to compare with');
  } else {
    writeFiles(rows, 'BTCUSDT');
    const shell = [];
    const ours = [];
    const again = [];
    for (let round = 0; round < rounds; round += 1) {
      shell.push(importByShell('BTCUSDT'));
      remove('trading.db');
      ours.push(importCsv('BTCUSDT', 'trading.db'));
      again.push(importCsv('BTCUSDT', 'trading.db'));
    }
    const rate = (ms) => Math.round((rows / median(ms)) * 1000);
    printTable([
      ['', 'rows/s', 'times .import'],
      ['sqlite3 .import of integers', rate(shell), 1],
      ['migrate import --from csv', rate(ours), (median(shell) / median(ours)).toFixed(2)],
      ['the same, nothing new', rate(again), (median(shell) / median(again)).toFixed(2)],
    ]);
    console.log(`sqlite3 ${version.stdout.split(' ')[0]}, ${rows} candles, median of ${rounds}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
