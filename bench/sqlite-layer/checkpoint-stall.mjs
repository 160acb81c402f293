// How long the slowest commits take: checkpoints inside COMMIT every 1000 pages (SQLite's default) against a ceiling of
// 10,000 pages with idle checkpoints, synchronous NORMAL, on the disk of the temporary folder. Orders come in bursts of
// 200 with pauses of 25 ms, as from a market.
// node bench/sqlite-layer/checkpoint-stall.mjs
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { LatencyHistogram, openTradingDatabase } from '../../dist/index.js';
import { median, target } from './measure.mjs';
import { bareTransactions, insertFill, insertOrder, prepare, updatePosition, valuesOf } from './workload.mjs';

const { path } = prepare('disk', ['plain', 'idle']);
const rounds = 7;
const bursts = 30;
const burst = 200;

function plain() {
  const database = new Database(path('plain'), { timeout: 0 });
  database.pragma('synchronous = NORMAL');
  database.pragma('wal_autocheckpoint = 1000');
  return bareTransactions(database);
}

const database = openTradingDatabase(path('idle'), { durability: 'normal' });
let next = 0;
const idle = () => {
  const values = valuesOf(next++);
  database.tx((t) => {
    const id = t.run(insertOrder, values.order).lastInsertRowid;
    t.run(updatePosition, values.position);
    t.run(insertFill, values.fill(id));
  });
};

/** @param {() => void} step */
async function run(step) {
  const histogram = new LatencyHistogram();
  for (let n = 0; n < bursts; n++) {
    for (let i = 0; i < burst; i++) {
      const start = performance.now();
      step();
      histogram.recordMs(performance.now() - start);
    }
    await sleep(25);
  }
  return {
    p50: histogram.percentileNs(50),
    p99: histogram.percentileNs(99),
    p999: histogram.percentileNs(99.9),
    max: histogram.maxNs,
  };
}

const contenders = [
  { name: 'autocheckpoint 1000', step: plain() },
  { name: 'ceiling 10000, idle checkpoints', step: idle },
];
/** @typedef {Awaited<ReturnType<typeof run>>} Figures */
/** @type {Map<string, Figures[]>} */
const samples = new Map(contenders.map(({ name }) => [name, []]));
for (const { step } of contenders) for (let i = 0; i < 2000; i++) step();
for (let round = 0; round < rounds; round++) {
  for (const { name, step } of round % 2 ? contenders.toReversed() : contenders)
    samples.get(name)?.push(await run(step));
}

console.log(`transactions in bursts of ${burst}, medians of ${rounds} rounds, microseconds`);
console.log(`${''.padEnd(34)}${['p50', 'p99', 'p99.9', 'longest'].map((head) => head.padStart(10)).join('')}`);
for (const [name, figures] of samples) {
  const cells = /** @type {const} */ (['p50', 'p99', 'p999', 'max']).map((key) =>
    (median(figures.map((each) => each[key])) / 1000).toFixed(0).padStart(10),
  );
  console.log(`${name.padEnd(34)}${cells.join('')}`);
}
const [before = [], after = []] = [...samples.values()];
const ratio = (/** @type {keyof Figures} */ key) =>
  median(after.map((own, round) => own[key] / (before[round]?.[key] ?? 1)));
target('p99', ratio('p99'), '<=', 0.35);
target('p99.9', ratio('p999'), '<=', 0.6);
console.log(`not gated    longest: ${ratio('max').toFixed(2)}`);
const { runs } = database.metrics().checkpoint;
console.log(`idle checkpoints: ${runs.passive}`);
process.exit(0);
