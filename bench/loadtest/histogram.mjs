// Recording a latency: our histogram beside hdr-histogram-js (JavaScript and WebAssembly) and a plain array, on the same
// values, interleaved; then the error of percentiles against the sorted values.
//   node bench/loadtest/histogram.mjs [--rounds 15]
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { LatencyHistogram } from '../../dist/core/statistics/latency-histogram.js';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
const rounds = Number(values.rounds);
const count = 300_000;
// Log-normal around 50 us with a tail, as transactions have; a fixed generator, so that every run has the same values.
let state = 1;
const uniform = () => {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
  return (state + 1) / 2_147_483_649;
};
const latencies = Float64Array.from({ length: count }, () =>
  Math.round(50_000 * Math.exp(Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()))),
);

/** @type {{ name: string, record: (value: number) => void }[]} */
const contenders = [];
const own = new LatencyHistogram();
contenders.push({ name: 'tradedb', record: (value) => own.record(value) });
try {
  const hdr = createRequire(new URL('../peers/package.json', import.meta.url))('hdr-histogram-js');
  const settings = {
    lowestDiscernibleValue: 1,
    highestTrackableValue: 3_600_000_000_000,
    numberOfSignificantValueDigits: 2,
  };
  const plain = hdr.build({ ...settings, bitBucketSize: 32 });
  contenders.push({ name: 'hdr-histogram-js', record: (value) => plain.recordValue(value) });
  await hdr.initWebAssembly();
  const wasm = hdr.build({ ...settings, bitBucketSize: 32, useWebAssembly: true });
  contenders.push({ name: 'hdr-histogram-js, WebAssembly', record: (value) => wasm.recordValue(value) });
} catch {
  console.log(
    'hdr-histogram-js: not run, it is not installed (npm install --no-save --prefix bench/peers hdr-histogram-js)',
  );
}
const list = [];
contenders.push({ name: 'array push', record: (value) => list.push(value) });

const times = new Map(contenders.map(({ name }) => [name, []]));
for (let round = -2; round < rounds; round++) {
  for (const { name, record } of contenders) {
    list.length = 0;
    const started = performance.now();
    for (let index = 0; index < count; index++) record(latencies[index]);
    const ns = ((performance.now() - started) * 1e6) / count;
    if (round >= 0) times.get(name).push(ns);
  }
}
const median = (all) => all.toSorted((a, b) => a - b)[all.length >> 1];
const base = times.get('tradedb');
console.log(`${count} values, ${rounds} interleaved rounds, medians`);
for (const { name } of contenders) {
  const ratio = median(times.get(name).map((ns, round) => ns / base[round]));
  console.log(`  ${name.padEnd(30)} ${median(times.get(name)).toFixed(1).padStart(6)} ns   ${ratio.toFixed(1)}x`);
}
const sorted = latencies.toSorted();
let worst = 0;
const once = new LatencyHistogram();
for (const value of latencies) once.record(value);
for (const percent of [1, 10, 50, 90, 99, 99.9, 99.99]) {
  const exact = sorted[Math.max(1, Math.ceil((Math.round(percent * 100) * count) / 10_000)) - 1];
  worst = Math.max(worst, Math.abs(once.percentileNs(percent) / exact - 1));
}
console.log(`largest error of a percentile: ${(worst * 100).toFixed(2)}% (target 0.8%); memory 32 KB`);
