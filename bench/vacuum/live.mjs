// What a writer feels of a vacuum: ours beside plain VACUUM and fixed incremental steps, each on its own copy of one
// database with half its rows deleted, in the same run. Usage: node bench/vacuum/live.mjs [megabytes]
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { launcher, printTable, runNode, startWriter } from '../beside.mjs';

const megabytes = Number(process.argv[2] ?? 160);
const rate = 200;
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const source = join(folder, 'source.db');

function makeSource() {
  const db = new Database(source);
  db.pragma('auto_vacuum = 2');
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = OFF');
  db.exec(
    'CREATE TABLE item (id INTEGER PRIMARY KEY, symbol TEXT, body BLOB); CREATE INDEX item_symbol ON item(symbol)',
  );
  db.exec('CREATE TABLE ticks (id INTEGER PRIMARY KEY, at REAL, body TEXT)');
  db.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     INSERT INTO item SELECT i, 'S' || (i % 97), randomblob(900) FROM n`,
  ).run(megabytes * 1000);
  db.exec('DELETE FROM item WHERE (id / 500) % 2 = 0');
  db.close();
}

const child = {
  vacuum: "db.exec('VACUUM')",
  fixed:
    "let n; do { db.exec('PRAGMA incremental_vacuum(100)'); n = db.pragma('freelist_count', { simple: true }); } while (n > 0.01 * db.pragma('page_count', { simple: true }))",
};
const driver = (path, work) => [
  '-e',
  `const db = new (require('better-sqlite3'))(${JSON.stringify(path)}, { timeout: 60000 });
   ${work}; console.log('done'); db.close();`,
];

async function measure(name, work) {
  const path = join(folder, `${name}.db`);
  copyFileSync(source, path);
  const writer = await startWriter(path, rate);
  await sleep(500);
  let walPeak = 0;
  const watch = setInterval(() => {
    walPeak = Math.max(walPeak, statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
  }, 20);
  const started = performance.now();
  await work(path);
  const seconds = (performance.now() - started) / 1000;
  await sleep(200);
  clearInterval(watch);
  const felt = await writer.stop();
  const db = new Database(path);
  const pages = db.pragma('page_count', { simple: true });
  const sound = db.pragma('quick_check', { simple: true });
  db.close();
  if (sound !== 'ok') throw new Error(`${name}: ${sound}`);
  rmSync(path, { force: true });
  return { name, seconds, pages, walPeak, ...felt };
}

try {
  makeSource();
  const db = new Database(source, { readonly: true });
  const pages = db.pragma('page_count', { simple: true });
  const free = db.pragma('freelist_count', { simple: true });
  db.close();
  console.log(
    `${(statSync(source).size / 1e6).toFixed(0)} MB, ${free} of ${pages} pages free, writer of ${rate} commits/s beside each\n`,
  );
  const results = [
    await measure('undisturbed', () => sleep(4000)),
    await measure('plain VACUUM', (path) => runNode(driver(path, child.vacuum))),
    await measure('fixed steps of 100', (path) => runNode(driver(path, child.fixed))),
    await measure('tradedb vacuum', (path) =>
      runNode([launcher, 'vacuum', '-d', path, '--until', '1%', '--reserve', '0B', '--progress', 'none']),
    ),
    await measure('tradedb, duty 1', (path) =>
      runNode([
        launcher,
        'vacuum',
        '-d',
        path,
        '--until',
        '1%',
        '--reserve',
        '0B',
        '--duty',
        '1',
        '--progress',
        'none',
      ]),
    ),
  ];
  const plain = results[1];
  printTable([
    ['', 'seconds', 'reclaimed', 'pages freed/s', 'p99 ms', 'longest ms', 'over 5 ms', 'WAL peak MB', 'stall / VACUUM'],
    ...results.map((result) => [
      result.name,
      result.seconds.toFixed(1),
      `${(Math.max(0, (pages - result.pages) / free) * 100).toFixed(1)} %`,
      Math.max(0, Math.round((pages - result.pages) / result.seconds)),
      result.p99.toFixed(2),
      result.longest.toFixed(1),
      `${((result.over5 / result.commits) * 100).toFixed(1)} %`,
      (result.walPeak / 1e6).toFixed(0),
      (result.longest / plain.longest).toFixed(2),
    ]),
  ]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
