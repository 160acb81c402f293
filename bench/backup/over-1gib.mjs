// Databases that grow over the page of the lock bytes (offset 2^30), with small pages and mostly zeros: full backup,
// incremental by pages over the boundary, verification of every page, restore of both, byte for byte and by SQLite.
//   npm run build && node bench/backup/over-1gib.mjs [page sizes]
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { launcher, print, timed } from './support.mjs';

const pageSizes = (process.argv[2] ?? '1024,4096').split(',').map(Number);
const lockByte = 2 ** 30;

/** Ends a little below the page, in WAL mode. */
function make(path, pageSize) {
  const db = new Database(path);
  db.pragma(`page_size = ${pageSize}`);
  db.pragma('journal_mode = OFF');
  db.pragma('synchronous = OFF');
  db.exec('CREATE TABLE filler (id INTEGER PRIMARY KEY, body BLOB NOT NULL)');
  const insert = db.prepare('INSERT INTO filler (body) VALUES (zeroblob(?))');
  // An overflow page carries four bytes less than it has.
  const room = Math.floor(((lockByte - 3_000_000) / pageSize) * (pageSize - 4));
  for (let left = room; left > 0; left -= 250_000_000) insert.run(Math.min(left, 250_000_000));
  db.pragma('journal_mode = WAL');
  db.close();
}

/** Some megabytes over the page, with a row that lies behind it. */
function grow(path) {
  const db = new Database(path);
  db.exec('INSERT INTO filler (body) VALUES (randomblob(6000000))');
  db.exec(
    "CREATE TABLE small (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO small (text) VALUES ('behind the page')",
  );
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
}

async function digest(path) {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: 4 << 20 })) hash.update(part);
  return hash.digest('hex');
}

async function one(pageSize) {
  const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
  const path = join(folder, 'a.db');
  const times = {};
  const run = async (name, ...args) => {
    const result = await timed(process.execPath, [launcher, ...args, '-d', path, '--json'], {
      cwd: folder,
      limitMs: 1_200_000,
    });
    if (result.code !== 0) throw new Error(`${args.join(' ')}: ${result.code} ${result.errors}${result.output}`);
    times[name] = result.ms;
    return JSON.parse(result.output).data;
  };
  const same = async (name, wanted) => {
    const file = join(folder, name);
    if ((await digest(file)) !== wanted) throw new Error(`${name} with pages of ${pageSize} bytes is another file`);
    rmSync(file);
  };
  try {
    make(path, pageSize);
    const below = { bytes: statSync(path).size, digest: await digest(path) };
    const full = await run('full', 'backup', 'create', '--type', 'full');
    grow(path);
    const above = { bytes: statSync(path).size, digest: await digest(path) };
    if (below.bytes >= lockByte || above.bytes <= lockByte + pageSize)
      throw new Error('the file is not where it should be');
    const incremental = await run('incremental', 'backup', 'create', '--type', 'incremental');
    await run('verify 3', 'backup', 'verify', '--level', '3');
    const old = full.backup.id;
    await run('restore full', 'restore', 'run', '--backup', old, '--target', join(folder, 'below.db'));
    await same('below.db', below.digest);
    await run('restore both', 'restore', 'run', '--target', join(folder, 'above.db'), '--check', 'full');
    const db = new Database(join(folder, 'above.db'), { readonly: true });
    const text = db.prepare('SELECT text FROM small').pluck().get();
    db.close();
    if (text !== 'behind the page') throw new Error('the row behind the page is not there');
    await same('above.db', above.digest);
    return [
      pageSize,
      `${(above.bytes / 1e6).toFixed(0)} MB`,
      lockByte / pageSize + 1,
      `${(incremental.bytes.stored / 1e6).toFixed(1)} MB, ${incremental.pages.stored} pages`,
      ...['full', 'incremental', 'verify 3', 'restore full', 'restore both'].map((name) =>
        (times[name] / 1000).toFixed(1),
      ),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const rows = [];
for (const pageSize of pageSizes) rows.push(await one(pageSize));
const load = readFileSync('/proc/loadavg', 'utf8').split(' ')[0];
print(
  `over 1 GiB, every file byte-identical, integrity_check of the last one ok (load ${load})`,
  [
    'page size',
    'file',
    'lock page',
    'incremental',
    'full s',
    'incremental s',
    'verify 3 s',
    'restore full s',
    'restore both s',
  ],
  rows,
);
