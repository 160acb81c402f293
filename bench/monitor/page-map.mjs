// Which table or index every page belongs to: the page map of the monitor against dbstat and sqlite3_analyzer, on the same
// file, after both agree on every page that is no overflow page. The file is in the page cache for all of them.
//   npm run build && node bench/monitor/page-map.mjs [megabytes] [rounds]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { LiveFiles } from '../../dist/core/file-access/live-files.js';
import { walkPages } from '../../dist/core/monitor/page-map/page-owners.js';
import { PageReader } from '../../dist/core/monitor/page-map/page-reader.js';
import { readSchemaObjects } from '../../dist/core/monitor/page-map/schema-objects.js';
import { printTable } from '../beside.mjs';
import { median } from '../sqlite-layer/measure.mjs';

const megabytes = Number(process.argv[2] ?? 1000);
const rounds = Number(process.argv[3] ?? 3);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const path = join(folder, 'trading.db');

function make() {
  const db = new Database(path);
  db.pragma('synchronous = OFF');
  db.exec(`CREATE TABLE trades (id INTEGER PRIMARY KEY, symbol TEXT, at INTEGER, price INTEGER, note TEXT);
    CREATE INDEX trades_at ON trades (symbol, at)`);
  const fill = db.prepare(`INSERT INTO trades (symbol, at, price, note)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
    SELECT 'S' || (i % 300), i * 7919 % 1000003, i, hex(randomblob(60)) FROM n`);
  while (statSync(path).size < megabytes * 1e6) fill.run();
  db.close();
  readFileSync(path);
}

function pageMap() {
  const files = new LiveFiles(path);
  const header = files.header();
  if (header === undefined) throw new Error('no header');
  const reader = new PageReader(files, header.pageSizeBytes, undefined);
  const { objects } = readSchemaObjects(reader, 'utf-8', header.pageSizeBytes - header.reservedBytes);
  const owners = walkPages(reader, objects, header.pageCount);
  files.close();
  return { owners, objects };
}

/** @param {() => unknown} work */
function timed(work) {
  const started = performance.now();
  work();
  return performance.now() - started;
}

try {
  make();
  const db = new Database(path, { readonly: true });
  const dbstat = db.prepare("SELECT pageno, name FROM dbstat WHERE pagetype <> 'overflow'");
  const { owners, objects } = pageMap();
  let [agree, differ] = [0, 0];
  for (const row of dbstat.iterate()) {
    const { pageno, name } = /** @type {{ pageno: number, name: string }} */ (row);
    if (objects[owners.ownerOf(pageno)]?.name === name) agree += 1;
    else differ += 1;
  }
  console.log(`${(statSync(path).size / 1e9).toFixed(2)} GB: ${agree} pages named alike, ${differ} not`);
  const sum = db.prepare('SELECT name, count(*) FROM dbstat GROUP BY name');
  const hasAnalyzer = spawnSync('sqlite3_analyzer', ['-version']).error === undefined;
  /** @type {Record<string, number[]>} */
  const times = { 'page map': [], dbstat: [], ...(hasAnalyzer ? { sqlite3_analyzer: [] } : {}) };
  for (let round = 0; round < rounds; round++) {
    times['page map']?.push(timed(pageMap));
    times.dbstat?.push(timed(() => sum.all()));
    times.sqlite3_analyzer?.push(timed(() => spawnSync('sqlite3_analyzer', [path], { maxBuffer: 1e8 })));
  }
  db.close();
  const own = median(times['page map'] ?? []);
  printTable([
    ['', 'median', 'of the page map'],
    ...Object.entries(times).map(([name, list]) => [
      name,
      `${median(list).toFixed(0)} ms`,
      `${(median(list) / own).toFixed(1)}x`,
    ]),
  ]);
  if (!hasAnalyzer) console.log('sqlite3_analyzer: not run (Debian: sqlite3-tools)');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
