// What the quick tier costs a writer: p99 and processor time of its commits in slices with and without health runs, one
// after the other, in turn. A slice begins with a new writer, so that every one pays the same start.
//   node bench/health/beside-writer.mjs [--megabytes 100] [--rounds 5] [--seconds 3] [--rate 200] [--json]
// Uses the compiled program: run `npm run build` first.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { launcher, runNode, startWriter } from '../beside.mjs';
import { buildDatabase, median } from './database.mjs';

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    rate: { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'tradedb-beside-'));
const path = join(folder, 'live.db');

async function slice(withHealth) {
  const writer = await startWriter(path, Number(values.rate));
  const end = performance.now() + Number(values.seconds) * 1000;
  let runs = 0;
  while (performance.now() < end) {
    if (withHealth) {
      await runNode([launcher, 'health', '-d', path, '--quiet', '--skip', 'file.space']);
      runs += 1;
    } else await sleep(Math.min(100, Math.max(1, end - performance.now())));
  }
  const { commits, p50, p99, cpuMs } = await writer.stop();
  return { runs, p50, p99, cpuUsPerCommit: (cpuMs * 1000) / commits };
}

try {
  buildDatabase(path, Number(values.megabytes));
  const slices = { alone: [], 'with health': [] };
  for (let round = 0; round < Number(values.rounds); round++) {
    const order = round % 2 === 0 ? ['alone', 'with health'] : ['with health', 'alone'];
    for (const name of order) slices[name].push(await slice(name === 'with health'));
  }
  const rows = Object.entries(slices).map(([name, list]) => ({
    name,
    healthRuns: list.reduce((sum, { runs }) => sum + runs, 0),
    p50Ms: median(list.map(({ p50 }) => p50)),
    p99Ms: median(list.map(({ p99 }) => p99)),
    cpuUsPerCommit: median(list.map(({ cpuUsPerCommit }) => cpuUsPerCommit)),
  }));
  if (values.json) process.stdout.write(`${JSON.stringify({ node: process.version, rows }, null, 2)}\n`);
  else {
    process.stdout.write(`${values.megabytes} MB, ${values.rate} commits/s, median of ${values.rounds} slices\n`);
    for (const { name, healthRuns, p50Ms, p99Ms, cpuUsPerCommit } of rows)
      process.stdout.write(
        `  ${name.padEnd(12)} ${String(healthRuns).padStart(4)} runs   p50 ${p50Ms.toFixed(2)} ms   p99 ${p99Ms.toFixed(2)} ms   ${cpuUsPerCommit.toFixed(0)} us of processor per commit\n`,
      );
    process.stdout.write(
      `  p99 ${(rows[1].p99Ms / rows[0].p99Ms).toFixed(2)} times, processor ${(rows[1].cpuUsPerCommit / rows[0].cpuUsPerCommit).toFixed(2)} times that of the writer alone\n`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
