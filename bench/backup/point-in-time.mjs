// Random commits restored from one archive, against a replay: the writer notes the hash of the database after each
// commit, with foreign checkpoints of every kind and VACUUM in between.
//   npm run build && node bench/backup/point-in-time.mjs [restores] [commits]
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { databaseIdOf } from '../../dist/core/backup/repository/object-name.js';
import { Repository } from '../../dist/core/backup/repository/repository.js';
import { routeTo } from '../../dist/core/restore/point-in-time.js';
import { restorePoint } from '../../dist/core/restore/restore.js';
import { LocalFolder } from '../../dist/core/storage/local-folder.js';
import { systemClock } from '../../dist/system/system-clock.js';
import { systemRandom } from '../../dist/system/system-random.js';
import { launcher, timed } from './support.mjs';

const restores = Number(process.argv[2] ?? 50);
const commits = Number(process.argv[3] ?? 2000);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const path = join(folder, 'a.db');
const writerScript = fileURLToPath(new URL('../../test/support/hashing-writer.mjs', import.meta.url));

function makeSmall() {
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec(`CREATE TABLE entry (id INTEGER PRIMARY KEY, value INTEGER NOT NULL, body TEXT NOT NULL);
    CREATE INDEX entry_value ON entry (value);
    CREATE TABLE counter (n INTEGER NOT NULL, total INTEGER NOT NULL);
    INSERT INTO entry (value, body) WITH RECURSIVE s(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM s WHERE i < 300)
      SELECT i, hex(randomblob(60)) FROM s;
    INSERT INTO counter SELECT count(*), sum(value) FROM entry`);
  db.close();
}

const quiet = () => {};
const context = {
  clock: systemClock,
  random: systemRandom,
  signal: new AbortController().signal,
  progress: { start: () => ({ advance: quiet, total: quiet, done: quiet }) },
  log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
};

try {
  makeSmall();
  const archive = spawn(process.execPath, [launcher, 'backup', 'archive', '-d', path, '--segment-interval', '200ms'], {
    cwd: folder,
    stdio: 'ignore',
  });
  const isThere = (name) => name.endsWith('epoch.json');
  while (!readdirSync(folder, { recursive: true, encoding: 'utf8' }).some(isThere)) await sleep(50);
  const log = join(folder, 'commits.log');
  const writer = spawn(process.execPath, [writerScript, path, log, String(commits), '0', '11', '1'], {
    stdio: 'inherit',
  });
  const ended = once(writer, 'exit');
  // Incrementals meanwhile are bases of their own.
  for (let round = 0; round < 3; round++) {
    await sleep(700);
    await timed(process.execPath, [launcher, 'backup', '--type', 'incremental', '-d', path], { cwd: folder });
  }
  if ((await ended)[0] !== 0) throw new Error('the writer failed');
  await sleep(500);
  archive.kill('SIGTERM');
  await once(archive, 'close');
  const noted = readFileSync(log, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' '));

  const repository = await Repository.open(new LocalFolder(join(folder, 'backups'), 'bench'), 'main');
  const databaseId = databaseIdOf('a.db');
  const target = join(folder, 'restored.db');
  const wrong = [];
  const bases = new Set();
  const started = performance.now();
  for (let count = 0; count < restores; count++) {
    const [tx, hash] = noted[Math.floor(Math.random() * noted.length)];
    const route = await routeTo(repository, databaseId, { kind: 'tx', tx: Number(tx), epoch: null });
    bases.add(route.lineage.at(-1).id);
    await restorePoint(
      {
        repository,
        lineage: route.lineage,
        route,
        target,
        replace: false,
        discardOld: false,
        checkpointOld: false,
        force: false,
        check: 'none',
        workers: 1,
        owner: { pid: process.pid, hostname: 'bench' },
        stateDirectory: join(folder, 'state'),
      },
      context,
    );
    if (createHash('sha256').update(readFileSync(target)).digest('hex') !== hash) wrong.push(tx);
    rmSync(target);
    if ((count + 1) % 100 === 0) console.error(`${count + 1} restored, ${wrong.length} not identical`);
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${restores} random commits of ${noted.length}, from ${bases.size} bases: ${restores - wrong.length} byte-identical, ${wrong.length} not; ${seconds.toFixed(0)} s`,
  );
  if (wrong.length > 0) {
    console.log(`not identical: ${wrong.slice(0, 20).join(' ')}`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
