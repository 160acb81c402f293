// How much of what a writer writes is attributed to its table: a writer at a set rate and one at full speed, watched at 10
// and 50 Hz, from whole frames and from page numbers alone. Coverage is the share of commits whose frames were seen.
//   npm run build && node bench/monitor/coverage.mjs [seconds]
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { launcher, printTable, startWriter } from '../beside.mjs';

const seconds = Number(process.argv[2] ?? 5);

/** @param {number} commitsPerSecond 0: as fast as it can @param {number} rateHz @param {string} attribution */
async function run(commitsPerSecond, rateHz, attribution) {
  const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
  const path = join(folder, 'trading.db');
  const keeper = new Database(path);
  keeper.pragma('journal_mode = WAL');
  keeper.exec('CREATE TABLE ticks (id INTEGER PRIMARY KEY, at REAL, body TEXT)');
  const child = spawn(
    process.execPath,
    [launcher, 'monitor', '-d', path, '--rate', String(rateHz), '--attribution', attribution],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TRADEDB_MONITOR_MAX_CPU: '50%' } },
  );
  let last;
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) last = JSON.parse(line);
  });
  while (last === undefined) await sleep(20);
  const writer = await startWriter(path, commitsPerSecond);
  await sleep(seconds * 1000);
  const felt = await writer.stop();
  await sleep(500);
  const ended = new Promise((resolve) => child.on('close', resolve));
  child.kill('SIGINT');
  await ended;
  keeper.close();
  rmSync(folder, { recursive: true, force: true });
  const share = (/** @type {number} */ one) => `${(one * 100).toFixed(1)} %`;
  return [
    `${Math.round(felt.commits / seconds).toLocaleString('en-US')}/s`,
    `${rateHz} Hz, ${attribution}`,
    share(last.coverage),
    share(last.frames === 0 ? 0 : last.unknownFrames / last.frames),
    `${last.commits} / ${felt.commits}`,
  ];
}

const rows = [];
for (const rate of [200, 0]) {
  for (const rateHz of [10, 50]) {
    for (const attribution of ['frames', 'index']) rows.push(await run(rate, rateHz, attribution));
  }
}
printTable([['commits', 'watched at', 'coverage', 'unknown frames', 'commits counted / made'], ...rows]);
