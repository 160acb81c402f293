// The WAL archiver beside a writer: latency of the commits without and with it, CPU, size of the WAL, and whether every
// commit came through; then restores from the archive.
//   npm run build && node bench/backup/archive.mjs [seconds per phase]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { cpuSeconds, launcher, longest, makeDatabase, percentile, print, startWriter, timed } from './support.mjs';

const seconds = Number(process.argv[2] ?? 10);

async function startArchive(folder, path) {
  const child = spawn(process.execPath, [launcher, 'backup', 'archive', '-d', path, '-f', 'ndjson'], { cwd: folder });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  while (!text.includes('"started"')) await sleep(20);
  return {
    pid: child.pid,
    async stop() {
      const gone = once(child, 'close');
      child.kill('SIGTERM');
      await gone;
      return JSON.parse(text.trimEnd().split('\n').at(-1)).data;
    },
  };
}

async function measure(tps) {
  const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
  try {
    const path = join(folder, 'trading.db');
    makeDatabase(path, 50);
    const writer = await startWriter(path, tps);
    await sleep(1000);
    await writer.take();
    await sleep(seconds * 1000);
    const alone = await writer.take();
    const archive = await startArchive(folder, path);
    await sleep(1000);
    await writer.take();
    const cpuBefore = cpuSeconds(archive.pid);
    let walMax = 0;
    for (let waited = 0; waited < seconds * 1000; waited += 100) {
      await sleep(100);
      walMax = Math.max(walMax, statSync(`${path}-wal`).size);
    }
    const with_ = await writer.take();
    const cpu = cpuSeconds(archive.pid) - cpuBefore;
    await writer.stop();
    await sleep(1500);
    const data = await archive.stop();
    const copy = join(folder, 'copy.db');
    const restore = await timed(process.execPath, [launcher, 'restore', '-d', path, '--target', copy, '--json'], {
      cwd: folder,
    });
    const rows = (file) => new Database(file, { readonly: true }).prepare('SELECT count(*) FROM orders').pluck().get();
    return [
      [
        tps === 0 ? 'as fast as it can' : `${tps} a second`,
        Math.round(alone.length / seconds),
        Math.round(with_.length / seconds),
        percentile(alone, 0.99).toFixed(2),
        percentile(with_, 0.99).toFixed(2),
        (percentile(with_, 0.99) / percentile(alone, 0.99)).toFixed(2),
        `${longest(alone).toFixed(0)} / ${longest(with_).toFixed(0)}`,
        `${((cpu / seconds) * 100).toFixed(1)} %`,
        (walMax / 1e6).toFixed(1),
        data.writeLock.count,
        data.gaps.length === 0 && rows(copy) === rows(path) ? 'all' : 'MISSING',
        `${data.commits} in ${Math.round(restore.ms)} ms`,
      ],
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

print(
  `archiver beside a writer, ${seconds} s each`,
  [
    'writer',
    'tps alone',
    'tps with',
    'p99 alone, ms',
    'p99 with, ms',
    'times',
    'longest, ms',
    'CPU of a core',
    'WAL, MB',
    'writers kept out',
    'commits',
    'restored',
  ],
  [...(await measure(200)), ...(await measure(0))],
);
