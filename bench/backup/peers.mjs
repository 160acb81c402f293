// The same database and the same writes through tradedb, Litestream 0.3 and restic: time and size of a full copy, bytes
// that 1 % of changed pages add, and the time to restore base and WAL. Medians of interleaved rounds.
//   npm run build && node bench/backup/peers.mjs [megabytes] [rounds]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { launcher, makeDatabase, median, print, timed } from './support.mjs';

const megabytes = Number(process.argv[2] ?? 100);
const rounds = Number(process.argv[3] ?? 3);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const path = join(folder, 'trading.db');

/** On the PATH, or where bench/peers installs it. */
function findLitestream() {
  const installed = '../peers/node_modules/@flydotio/litestream-linux-x64/litestream';
  const places = [
    fileURLToPath(new URL(installed, import.meta.url)),
    ...(process.env.PATH ?? '').split(':').map((place) => join(place, 'litestream')),
  ];
  return places.find((place) => existsSync(place));
}

const litestream = findLitestream();
const tradedb = (...args) => timed(process.execPath, [launcher, ...args, '-d', path, '--json'], { cwd: folder });

async function must(promise) {
  const result = await promise;
  if (!result.ended) throw new Error(result.errors || result.output);
  return result;
}

function bytesBelow(place, pattern) {
  if (!existsSync(place)) return 0;
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** Time until the snapshot is there, and the process that goes on replicating. */
async function startLitestream(replica) {
  const started = performance.now();
  const child = spawn(litestream, ['replicate', path, `file://${replica}`], { stdio: 'ignore' });
  while (bytesBelow(replica, /\.snapshot\.lz4$/) === 0) await sleep(5);
  return { ms: performance.now() - started, child };
}

async function stop(child) {
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

async function fullCopies() {
  const times = { cp: [], tradedb: [], litestream: [] };
  const sizes = {};
  for (let round = 0; round < rounds; round++) {
    const copy = join(folder, 'copy');
    times.cp.push((await must(timed('sh', ['-c', 'cp "$0" "$1" && sync "$1"', path, copy]))).ms);
    const ours = join(folder, 'ours');
    const made = await must(tradedb('backup', '-R', `${ours}/`, '--type', 'full', '--verify', '0'));
    times.tradedb.push(made.ms);
    sizes.tradedb = JSON.parse(made.output).data.bytes.stored;
    const theirs = join(folder, 'theirs');
    if (litestream !== undefined) {
      const { ms, child } = await startLitestream(theirs);
      times.litestream.push(ms);
      sizes.litestream = bytesBelow(theirs, /\.snapshot\.lz4$/);
      await stop(child);
    }
    for (const place of [copy, ours, theirs, `${path}-litestream`, join(folder, '.trading.db-litestream')]) {
      rmSync(place, { recursive: true, force: true });
    }
  }
  const base = median(times.cp);
  print(
    `full copy of ${(statSync(path).size / 1e6).toFixed(0)} MB, zstd:1 against lz4`,
    ['', 'ms', 'times cp + fsync', 'MB'],
    Object.entries(times)
      .filter(([, list]) => list.length > 0)
      .map(([name, list]) => [
        name,
        Math.round(median(list)),
        (median(list) / base).toFixed(2),
        sizes[name] === undefined ? '' : (sizes[name] / 1e6).toFixed(1),
      ]),
  );
}

/** Pages of a file that differ from those of another. */
function differingPages(before, after) {
  let count = 0;
  for (let offset = 0; offset < after.length; offset += 4096) {
    const page = after.subarray(offset, offset + 4096);
    if (Buffer.compare(page, before.subarray(offset, offset + 4096)) !== 0) count += 1;
  }
  return count;
}

function changeOnePercent(db) {
  const top = db.prepare('SELECT max(id) FROM orders').pluck().get();
  const update = db.prepare('UPDATE orders SET qty = qty + 1 WHERE id = ?');
  const pages = Math.floor(statSync(path).size / 4096 / 100);
  db.transaction(() => {
    for (let count = 0; count < pages; count++) update.run(1 + Math.floor(Math.random() * top));
  })();
  db.pragma('wal_checkpoint(TRUNCATE)');
}

async function increments() {
  const rows = [];
  const repositories = { pages: join(folder, 'pages'), wal: join(folder, 'wal') };
  const archive = spawn(process.execPath, [launcher, 'backup', 'archive', '-d', path, '-R', `${repositories.wal}/`], {
    cwd: folder,
    stdio: 'ignore',
  });
  while (bytesBelow(repositories.wal, /^epoch\.json$/) === 0) await sleep(50);
  await must(tradedb('backup', '-R', `${repositories.pages}/`, '--codec', 'none'));
  const restic = join(folder, 'restic');
  const environment = `RESTIC_PASSWORD=bench RESTIC_REPOSITORY='${restic}' RESTIC_CACHE_DIR='${folder}/cache'`;
  const hasRestic = (await timed('sh', ['-c', `${environment} restic init -q`])).ended;
  const backup = () => timed('sh', ['-c', `${environment} restic backup -q '${path}'`]);
  if (hasRestic) await must(backup());
  const db = new Database(path, { timeout: 20_000 });
  const before = readFileSync(path);
  changeOnePercent(db);
  await sleep(2500);
  const changed = differingPages(before, readFileSync(path)) * 4096;
  const row = (name, bytes, ms) =>
    rows.push([name, (bytes / 1e6).toFixed(2), (bytes / changed).toFixed(3), Math.round(ms)]);
  for (const [name, place] of Object.entries(repositories)) {
    const made = await must(
      tradedb('backup', '-R', `${place}/`, '--type', 'incremental', '--codec', 'none', '--verify', '0'),
    );
    const { bytes, method } = JSON.parse(made.output).data;
    row(`tradedb, from ${name} (${method})`, bytes.stored, made.ms);
  }
  if (hasRestic) {
    const had = bytesBelow(restic, /./);
    const { ms } = await must(backup());
    row('restic', bytesBelow(restic, /./) - had, ms);
  }
  db.close();
  await stop(archive);
  print(
    `1 % of the pages changed: ${(changed / 1e6).toFixed(2)} MB in distinct pages`,
    ['', 'added MB', 'times the pages', 'ms'],
    rows,
  );
}

async function restores() {
  if (litestream === undefined) return;
  const ours = join(folder, 'history');
  const theirs = join(folder, 'replica');
  const archive = spawn(process.execPath, [launcher, 'backup', 'archive', '-d', path, '-R', `${ours}/`], {
    cwd: folder,
    stdio: 'ignore',
  });
  while (bytesBelow(ours, /^epoch\.json$/) === 0) await sleep(50);
  const { child } = await startLitestream(theirs);
  const db = new Database(path, { timeout: 20_000 });
  const update = db.prepare('UPDATE orders SET qty = qty + 1 WHERE id % 500 = ?');
  for (let count = 0; count < 40; count++) {
    update.run(count);
    await sleep(50);
  }
  const wanted = db.prepare('SELECT sum(qty) FROM orders').pluck().get();
  await sleep(3000);
  db.close();
  await stop(archive);
  await stop(child);
  const times = { tradedb: [], litestream: [] };
  const right = (file) =>
    new Database(file, { readonly: true }).prepare('SELECT sum(qty) FROM orders').pluck().get() === wanted;
  for (let round = 0; round < rounds; round++) {
    const [a, b] = [join(folder, 'a.db'), join(folder, 'b.db')];
    times.tradedb.push((await must(tradedb('restore', '-R', `${ours}/`, '--target', a, '--check', 'none'))).ms);
    times.litestream.push((await must(timed(litestream, ['restore', '-o', b, `file://${theirs}`]))).ms);
    if (!right(a) || !right(b)) throw new Error('a restore gave another state');
    for (const file of [a, b]) for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
  }
  print(
    'restore of base and WAL, each page and frame verified by tradedb',
    ['', 'ms', 'times litestream'],
    Object.entries(times).map(([name, list]) => [
      name,
      Math.round(median(list)),
      (median(list) / median(times.litestream)).toFixed(2),
    ]),
  );
}

try {
  if (litestream === undefined) console.log('litestream is not installed (bench/peers): its rows are left out');
  makeDatabase(path, megabytes);
  await fullCopies();
  await increments();
  await restores();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
