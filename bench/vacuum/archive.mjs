// Moving old rows out: `tradedb vacuum archive` (copied, read back, compared) beside a bare INSERT INTO ... SELECT into an
// attached database, in one run. Usage: node bench/vacuum/archive.mjs [rows] [rounds]
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { launcher, printTable, watchMemory } from '../beside.mjs';

const rows = Number(process.argv[2] ?? 1_000_000);
const rounds = Number(process.argv[3] ?? 3);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const database = join(folder, 'source.db');

function makeSource() {
  const db = new Database(database);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = OFF');
  db.exec(`CREATE TABLE fills (fill_id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, instrument_id INTEGER NOT NULL,
    venue_trade_id TEXT NOT NULL, side INTEGER, price INTEGER, qty INTEGER, fee REAL, exec_us INTEGER NOT NULL)`);
  // One month, so that there is one archive; nine columns as in the reference schema's fills.
  db.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     INSERT INTO fills SELECT i, i / 2, i % 50, 'T' || (i * 7919), CASE WHEN i % 2 THEN 1 ELSE -1 END,
       10000000 + (i * 7919) % 100000, 1 + i % 900, (i % 1000) * 0.0125, 1704067200000000 + i * 2 FROM n`,
  ).run(rows);
  db.close();
  const policies = [{ table: 'fills', column: 'exec_us', unit: 'us', keep: '30d' }];
  const maintenance = { archive: { folder: 'archive', reserve: '0B' }, retention: { policies } };
  writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify({ database: { path: 'source.db' }, maintenance }));
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function attached() {
  const target = join(folder, 'copy.db');
  const db = new Database(database);
  const started = performance.now();
  db.prepare('ATTACH ? AS copy').run(target);
  db.exec('CREATE TABLE copy.fills AS SELECT * FROM fills');
  const seconds = (performance.now() - started) / 1000;
  db.close();
  const bytes = statSync(target).size;
  rmSync(target);
  return { seconds, bytes, megabytes: 0 };
}

/** Wall time of the whole process, and its largest resident size. */
function archived(format, ...more) {
  rmSync(join(folder, 'archive'), { recursive: true, force: true });
  const args = [launcher, 'vacuum', 'archive', '--yes', '--json', '--archive-format', format, ...more];
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'ignore'] });
    const peakMemory = watchMemory(child.pid);
    child.on('close', (code) => {
      const megabytes = peakMemory();
      const seconds = (performance.now() - started) / 1000;
      if (code !== 0) return reject(new Error(`tradedb vacuum archive ended with ${code}`));
      const files = readdirSync(join(folder, 'archive', 'fills')).filter((name) => /\.(parquet|db)$/.test(name));
      const bytes = files.reduce((sum, name) => sum + statSync(join(folder, 'archive', 'fills', name)).size, 0);
      resolve({ seconds, bytes, megabytes });
    });
  });
}

try {
  makeSource();
  const contenders = {
    'INSERT ... SELECT into an attached database': async () => attached(),
    'archive to SQLite, read back': () => archived('sqlite', '--keep-rows'),
    'archive to Parquet, read back': () => archived('parquet', '--keep-rows'),
  };
  const results = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, run] of Object.entries(contenders)) results[name].push(await run());
  }
  const [bare] = Object.values(results);
  const bareSeconds = median(bare.map(({ seconds }) => seconds));
  printTable([
    ['', 'seconds', 'rows/s', 'of bare', 'size', 'peak memory'],
    ...Object.entries(results).map(([name, runs]) => {
      const seconds = median(runs.map((one) => one.seconds));
      return [
        name,
        seconds.toFixed(2),
        Math.round(rows / seconds).toLocaleString('en'),
        (bareSeconds / seconds).toFixed(2),
        `${(runs[0].bytes / 1e6).toFixed(1)} MB`,
        runs[0].megabytes === 0 ? '-' : `${Math.round(Math.max(...runs.map((one) => one.megabytes)))} MB`,
      ];
    }),
  ]);
  const { seconds } = await archived('parquet');
  const db = new Database(database, { readonly: true });
  const left = db.prepare('SELECT count(*) FROM fills').pluck().get();
  db.close();
  console.log(
    `\nwith the deletes (duty 0.3, ${left} rows left): ${seconds.toFixed(1)} s, ${Math.round(rows / seconds).toLocaleString('en')} rows/s`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
