// How soon a reader that stops the checkpoint is named, and how often a healthy pool of readers is accused: a writer of
// 200 commits/s, four readers that hold each snapshot for up to 200 ms, the monitor at 10 Hz.
// Usage: node bench/monitor/pinned.mjs [minutes of the healthy pool]
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { launcher, printTable } from '../beside.mjs';

const minutes = Number(process.argv[2] ?? 10);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const path = join(folder, 'trading.db');
const db = new Database(path);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = OFF');
db.exec('CREATE TABLE ticks (id INTEGER PRIMARY KEY, body TEXT); INSERT INTO ticks VALUES (0, 1)');
const insert = db.prepare('INSERT OR REPLACE INTO ticks VALUES (?, ?)');
let commit = 0;
const writer = setInterval(() => insert.run(++commit % 1000, 'x'), 5);

const reader = `const db = require('better-sqlite3')(process.argv[1]);
const look = db.prepare('SELECT count(*) FROM ticks');
if (process.argv[2] === 'pin') { db.exec('BEGIN'); look.get(); setInterval(() => {}, 1000); console.log('held'); }
else (async () => { for (;;) { db.exec('BEGIN'); look.get();
  await new Promise((next) => setTimeout(next, 20 + Math.random() * 180)); db.exec('COMMIT'); } })();`;
const start = (mode) =>
  spawn(process.execPath, ['-e', reader, path, mode], {
    cwd: new URL('../..', import.meta.url),
    stdio: ['ignore', 'pipe', 'inherit'],
  });

const monitor = spawn(process.execPath, [launcher, 'monitor', '-d', path, '--rate', '10'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
let rest = '';
let samples = 0;
let accused = 0;
let onPinned = () => {};
monitor.stdout.setEncoding('utf8').on('data', (text) => {
  const lines = (rest + text).split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) {
    const { pinned } = JSON.parse(line);
    samples += 1;
    if (pinned.length === 0) continue;
    accused += 1;
    onPinned(pinned);
  }
});
const pool = Array.from({ length: 4 }, () => start('pool'));
await sleep(minutes * 60_000);
const healthy = { samples, accused };

const delays = [];
for (let round = 0; round < 5; round++) {
  const held = start('pin');
  await new Promise((resolve) => held.stdout.once('data', resolve));
  const since = performance.now();
  await new Promise((resolve) => {
    onPinned = (pinned) => {
      if (pinned.some(({ holders }) => holders.some(({ pid }) => pid === held.pid))) resolve();
    };
  });
  delays.push((performance.now() - since) / 1000);
  onPinned = () => {};
  held.kill('SIGKILL');
  await sleep(1000);
}
printTable([
  ['healthy pool', 'samples', 'accusations', 'pinned reader named after, median', 'longest'],
  [
    `${minutes} min`,
    String(healthy.samples),
    String(healthy.accused),
    `${delays.sort((a, b) => a - b)[2].toFixed(2)} s`,
    `${delays[4].toFixed(2)} s`,
  ],
]);
clearInterval(writer);
for (const child of [...pool, monitor]) child.kill('SIGKILL');
db.close();
rmSync(folder, { recursive: true });
process.exitCode = healthy.accused === 0 && delays[4] <= 2 ? 0 : 1;
