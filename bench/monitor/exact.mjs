// Whether the monitor's counts are the writer's own: one writer at full speed with a small WAL, three monitors at 1, 10 and
// 50 Hz beside it. Usage: node bench/monitor/exact.mjs [commits]
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { launcher, printTable } from '../beside.mjs';

const wanted = Number(process.argv[2] ?? 1_000_000);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const path = join(folder, 'trading.db');
const db = new Database(path);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = OFF');
db.pragma('wal_autocheckpoint = 400');
db.exec('CREATE TABLE ticks (id INTEGER PRIMARY KEY, body TEXT)');

/** A monitor that writes one JSON line per sample. */
function watch(rate) {
  const child = spawn(
    process.execPath,
    [launcher, 'monitor', '-d', path, '--rate', String(rate), '--attribution', 'off'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const state = { rate, child, first: undefined, last: undefined };
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      state.last = JSON.parse(line);
      state.first ??= state.last;
    }
  });
  return state;
}

/** The first salt of the WAL header goes up by one with each restart. */
const salt = () => readFileSync(`${path}-wal`).readUInt32BE(16);

const insert = db.prepare('INSERT OR REPLACE INTO ticks (id, body) VALUES (?, ?)');
insert.run(0, 'x');
const watches = [1, 10, 50].map(watch);
while (watches.some(({ first }) => first === undefined)) await sleep(50);
const before = salt();
const started = performance.now();
for (let commit = 1; commit <= wanted; commit++) {
  insert.run(commit % 1000, 'x');
  // Without a turn of the loop nothing of the monitors is read.
  if (commit % 2000 === 0) await new Promise((resolve) => setImmediate(resolve));
}
const seconds = (performance.now() - started) / 1000;
const resets = (salt() - before) >>> 0;
await sleep(2500);
printTable([
  ['monitor', 'commits', 'of', 'WAL resets', 'of', 'generation'],
  ...watches.map(({ rate, first, last }) => [
    `${rate} Hz`,
    String(last.commits - first.commits),
    String(wanted),
    String(last.walResets - first.walResets),
    String(resets),
    String(last.generation),
  ]),
]);
process.stdout.write(`${Math.round(wanted / seconds)} commits/s\n`);
const exact = watches.every(
  ({ first, last }) => last.commits - first.commits === wanted && last.walResets - first.walResets === resets,
);
for (const { child } of watches) child.kill('SIGINT');
db.close();
await Promise.all(watches.map(({ child }) => new Promise((resolve) => child.on('close', resolve))));
rmSync(folder, { recursive: true });
process.exitCode = exact ? 0 : 1;
