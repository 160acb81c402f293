// How late the pacer of the load driver is, beside a native one in the same run. Without `cc` that row is "not run".
//   node bench/loadtest/pacing.mjs [--rounds 3] [--seconds 2]
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Pacer } from '../../dist/core/loadtest/arrival/pacing.js';
import { LatencyHistogram } from '../../dist/core/statistics/latency-histogram.js';
import { systemClock } from '../../dist/system/system-clock.js';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '2' } },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-pacing-'));

function compile() {
  const program = join(folder, 'pacer');
  const source = fileURLToPath(new URL('pacer.c', import.meta.url));
  return spawnSync('cc', ['-O2', '-o', program, source]).status === 0 ? program : undefined;
}

/** @param {number} rate */
function paceHere(rate) {
  const pacer = new Pacer(systemClock);
  const late = new LatencyHistogram();
  const cpu = process.cpuUsage();
  const start = systemClock.now();
  const count = rate * seconds;
  for (let k = 0; k < count; k++) {
    const due = start + (k * 1000) / rate;
    late.recordMs(Math.max(0, pacer.waitUntil(due, true) - due));
  }
  const used = process.cpuUsage(cpu);
  const wallMs = systemClock.now() - start;
  return {
    p50: late.percentileNs(50) / 1000,
    p99: late.percentileNs(99) / 1000,
    cores: (used.user + used.system) / 1000 / wallMs,
  };
}

/** @param {string} program @param {number} rate */
function paceNative(program, rate) {
  const [p50 = 0, p99 = 0, cores = 0] = execFileSync(program, [String(rate), String(seconds)], { encoding: 'utf8' })
    .trim()
    .split(' ')
    .map(Number);
  return { p50, p99, cores };
}

/** @param {readonly number[]} list */
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;

try {
  const program = compile();
  paceHere(1000);
  for (const rate of [1000, 10_000]) {
    const here = [];
    const native = [];
    for (let round = 0; round < rounds; round++) {
      here.push(paceHere(rate));
      if (program !== undefined) native.push(paceNative(program, rate));
    }
    const show = (/** @type {string} */ name, /** @type {ReturnType<typeof paceHere>[]} */ list) =>
      console.log(
        `  ${name.padEnd(12)} late p50 ${median(list.map((one) => one.p50)).toFixed(1)} us, p99 ${median(list.map((one) => one.p99)).toFixed(0)} us, ${median(list.map((one) => one.cores)).toFixed(2)} cores`,
      );
    console.log(`\n${rate} per second, ${rounds} rounds of ${seconds} s`);
    show('load driver', here);
    if (program === undefined) console.log('  native       not run: no C compiler');
    else {
      show('native', native);
      console.log(
        `  p99 ratio    ${median(here.map((one, index) => one.p99 / (native[index]?.p99 ?? 1))).toFixed(2)}x`,
      );
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
