// How often `analyze compare` raises a false alarm, and how often it finds 10 %: pairs of slices of the same query on two
// copies are measured once, then comparisons of 20 pairs are drawn from them, as they are and with one side 10 % slower.
//   npm run build && node bench/analyze/compare-power.mjs [measured pairs] [comparisons]
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { measureSeries } from '../../dist/core/analysis/baseline/paired-slices.js';
import { MeasureClient } from '../../dist/core/analysis/cost/measure-client.js';
import { seededChance } from '../../dist/core/analysis/workload/seeded-chance.js';
import { createScratchFolder, removeScratchFolder } from '../../dist/core/sqlite/scratch.js';
import { judgePairs } from '../../dist/core/statistics/verdict.js';
import { systemClock } from '../../dist/system/system-clock.js';
import { systemRandom } from '../../dist/system/system-random.js';

const pairs = Number(process.argv[2] ?? 200);
const comparisons = Number(process.argv[3] ?? 1000);
const slowdown = 1.1;
const perComparison = 20;
const quiet = () => {};
const context = {
  clock: systemClock,
  random: systemRandom,
  signal: new AbortController().signal,
  progress: { start: () => ({ advance: quiet, total: quiet, done: quiet }) },
};
const chance = seededChance(1);
const options = { alpha: 0.05, floor: 0.05, detect: 0.1, chance };

async function measure(folder) {
  const paths = ['a.db', 'b.db'].map((name) => join(folder, name));
  const db = new Database(paths[0]);
  db.exec(`CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT);
    INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
      SELECT i, i * 7919 % 997, 'row ' || i FROM n`);
  db.close();
  copyFileSync(paths[0], paths[1]);
  const clients = paths.map((path) => new MeasureClient({ folder, path }, context));
  const sets = [{ sql: 'SELECT count(*), max(b) FROM t WHERE a % 7 = 3', values: [], executions: 1 }];
  const query = { fingerprint: 'f', name: 'scan', sql: sets[0].sql, weight: 1, tuning: sets, heldOut: [], pragmas: [] };
  const plan = { pairs, most: pairs, detect: 0.1, chance, context, deadline: Number.POSITIVE_INFINITY };
  try {
    const { series } = await measureSeries([query], clients, plan);
    return series[0];
  } finally {
    for (const client of clients) await client.close();
  }
}

/** Verdicts of comparisons drawn from the measured pairs, both metrics together as the command judges them. */
function verdicts(series, factor) {
  const count = { regression: 0, improvement: 0, 'no-change': 0, unresolved: 0 };
  for (let comparison = 0; comparison < comparisons; comparison++) {
    const drawn = Array.from({ length: perComparison }, () => Math.floor(chance() * series.a.length));
    const of = (metric) => drawn.map((at) => (series.b[at][metric] * factor) / series.a[at][metric]);
    const judged = judgePairs(
      [
        { name: 'p50', ratios: of('p50Ms') },
        { name: 'cpu', ratios: of('cpuMs') },
      ],
      options,
    ).map((one) => one.verdict);
    const worst = ['regression', 'improvement', 'unresolved', 'no-change'].find((one) => judged.includes(one));
    count[worst] += 1;
  }
  return count;
}

const folder = createScratchFolder(mkdtempSync(join(tmpdir(), 'tradedb-bench-')), process.pid);
const before = loadavg()[0];
const series = await measure(folder);
removeScratchFolder(folder);
rmSync(join(folder, '..'), { recursive: true, force: true });
console.log(
  `${series.a.length} pairs measured, ${comparisons} comparisons of ${perComparison}; load ${before.toFixed(1)} to ${loadavg()[0].toFixed(1)}`,
);
for (const [name, factor] of [
  ['the same (A/A)', 1],
  ['10 % slower', slowdown],
  ['20 % slower', 1.2],
]) {
  const count = verdicts(series, factor);
  const share = (kind) => `${((100 * count[kind]) / comparisons).toFixed(1)} %`.padStart(8);
  console.log(
    `${name.padEnd(16)} regression ${share('regression')}  improvement ${share('improvement')}  no change ${share('no-change')}  unresolved ${share('unresolved')}`,
  );
}
