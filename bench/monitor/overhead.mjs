// What being watched costs a writer, and what watching costs: CPU per commit of a writer at full speed without and with
// `tradedb monitor` at 10 Hz, interleaved; CPU of the monitor; and whether its count of commits is the writer's own.
// Usage: node bench/monitor/overhead.mjs [rounds] [frames|off]
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { launcher, printTable, startWriter } from '../beside.mjs';

const rounds = Number(process.argv[2] ?? 4);
const attribution = process.argv[3] ?? 'off';
const secondsPerRun = 3;
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const path = join(folder, 'trading.db');

const cpuSeconds = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};
const childOf = (pid) => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function startMonitor() {
  const child = spawn(
    process.execPath,
    [launcher, 'monitor', '-d', path, '--rate', '10', '--attribution', attribution],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let last;
  let first;
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      last = JSON.parse(line);
      first ??= last;
    }
  });
  return {
    child,
    ready: async () => {
      while (first === undefined) await sleep(20);
    },
    commits: () => last.commits - first.commits,
    resets: () => last.walResets - first.walResets,
    stop: () => new Promise((resolve) => child.on('close', resolve) && child.kill('SIGINT')),
  };
}

async function run(watched) {
  const monitor = watched ? startMonitor() : undefined;
  if (monitor !== undefined) {
    await monitor.ready();
    await sleep(500);
  }
  const pids = monitor === undefined ? [] : [monitor.child.pid, childOf(monitor.child.pid)];
  const before = pids.map(cpuSeconds);
  const started = performance.now();
  const writer = await startWriter(path, 0);
  await sleep(secondsPerRun * 1000);
  const felt = await writer.stop();
  const seconds = (performance.now() - started) / 1000;
  const used = pids.map((pid, index) => (cpuSeconds(pid) - before[index]) / seconds);
  await sleep(300);
  const counted = monitor?.commits();
  const resets = monitor?.resets();
  await monitor?.stop();
  return { cpuPerCommit: (felt.cpuMs / felt.commits) * 1000, commits: felt.commits, counted, resets, used };
}

const keeper = new Database(path);
try {
  keeper.pragma('journal_mode = WAL');
  keeper.exec('CREATE TABLE ticks (id INTEGER PRIMARY KEY, at REAL, body TEXT)');
  const alone = [];
  const watched = [];
  for (let round = 0; round < rounds; round++) {
    alone.push(await run(false));
    watched.push(await run(true));
  }
  const own = median(alone.map((result) => result.cpuPerCommit));
  const with10 = median(watched.map((result) => result.cpuPerCommit));
  printTable([
    ['', 'writer CPU us/commit', 'ratio', 'commits counted / made', 'WAL resets', 'sampler CPU', 'command CPU'],
    ['alone', own.toFixed(1), '1.00', '', '', '', ''],
    [
      'watched at 10 Hz',
      with10.toFixed(1),
      (with10 / own).toFixed(2),
      `${watched.reduce((sum, result) => sum + result.counted, 0)} / ${watched.reduce((sum, result) => sum + result.commits, 0)}`,
      watched.reduce((sum, result) => sum + result.resets, 0),
      `${(median(watched.map((result) => result.used[1])) * 100).toFixed(1)} %`,
      `${(median(watched.map((result) => result.used[0])) * 100).toFixed(1)} %`,
    ],
  ]);
  console.log(`\nmedian of ${rounds} interleaved runs of ${secondsPerRun} s; CPU in shares of one core`);
} finally {
  keeper.close();
  rmSync(folder, { recursive: true, force: true });
}
