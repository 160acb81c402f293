// Calibrates the comparison on this machine: real slices of one and the same variant, and from them many comparisons in
// which nothing differs (false alarms) or in which the figures of every B are made larger (power); then real slices of a
// scenario against the same with a spin of a tenth of its CPU time in each transaction, and comparisons drawn from them.
//   node bench/loadtest/compare-calibration.mjs [--pairs 40] [--resamples 1000]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CounterDraw } from '../../dist/core/loadtest/stream/draw.js';
import { judgePairs } from '../../dist/core/statistics/verdict.js';

const { values } = parseArgs({
  options: { pairs: { type: 'string', default: '40' }, resamples: { type: 'string', default: '1000' } },
});
const resamples = Number(values.resamples);
const launcher = fileURLToPath(new URL('../../bin/tradedb.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tradedb-calibration-'));

/** @typedef {{ a: { cpuUs: number, p50Us: number }, b: { cpuUs: number, p50Us: number } }} Pair */

/** @param {readonly string[]} variants @returns {Pair[]} */
function realPairs(variants) {
  const args = ['loadtest', 'compare', ...variants, '--durability', 'normal'];
  const more = ['--pairs', values.pairs, '--slice', '350ms', '--scratch-dir', folder, '--json', '--progress', 'none'];
  const result = spawnSync(process.execPath, [launcher, ...args, ...more], { encoding: 'utf8', maxBuffer: 1e8 });
  if (result.stdout === '') throw new Error(result.stderr);
  return JSON.parse(result.stdout).data.pairs;
}

/**
 * One order, with a spin of so many microseconds afterwards.
 * @param {string} name
 * @param {number} spinUs
 */
function scenarioFile(name, spinUs) {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(
    path,
    `const insert = 'INSERT INTO spun (account, price, note) VALUES (:account, :price, :note)';
export default {
  name: 'spun',
  setup: (db) => db.exec(\`CREATE TABLE spun (id INTEGER PRIMARY KEY, account INTEGER, price INTEGER, note TEXT);
    CREATE INDEX spun_account ON spun (account, price)\`),
  transactions: {
    order: {
      parameters: (draw) => ({ account: draw.integer(1000), price: draw.integer(5000), note: 'n' }),
      run: (db, values) => {
        for (let i = 0; i < 3; i++) db.run(insert, values);
        const until = performance.now() + ${spinUs} / 1000;
        while (${spinUs} > 0 && performance.now() < until);
      },
    },
  },
};
`,
  );
  return path;
}

try {
  const pairs = realPairs(['default', 'default', '--scenario', 'order-entry']);
  const draw = new CounterDraw(1, 0).start(0);
  const options = { alpha: 0.05, floor: 0.03, detect: 0.1, chance: () => draw.uniform() };
  /** Comparisons of n pairs drawn from the real ones, every B slower by the effect; `fixed`: B stays B. */
  const rate = (
    /** @type {number} */ n,
    /** @type {number} */ effect,
    /** @type {'cpuUs' | 'p50Us'} */ slower,
    /** @type {readonly Pair[] | undefined} */ fixed = undefined,
  ) => {
    const from = fixed ?? pairs;
    let found = 0;
    let alarms = 0;
    for (let run = 0; run < resamples; run++) {
      const chosen = Array.from({ length: n }, () => {
        const pair = from[draw.integer(from.length)];
        if (pair === undefined) throw new Error('no pairs');
        // Which of the two was A is chance when nothing differs.
        return fixed !== undefined || draw.uniform() < 0.5 ? { a: pair.a, b: pair.b } : { a: pair.b, b: pair.a };
      });
      const ratios = (/** @type {'cpuUs' | 'p50Us'} */ of) =>
        chosen.map(({ a, b }) => (b[of] / a[of]) * (of === slower ? 1 + effect : 1));
      const results = judgePairs(
        [
          { name: 'cpuUs', ratios: ratios('cpuUs') },
          { name: 'p50Us', ratios: ratios('p50Us') },
        ],
        options,
      );
      if (results.some((one) => one.verdict === 'regression' || one.verdict === 'improvement')) alarms += 1;
      if (results.some((one) => one.name === slower && one.verdict === 'regression')) found += 1;
    }
    return { found: found / resamples, alarms: alarms / resamples };
  };
  const percent = (/** @type {number} */ share) => `${(share * 100).toFixed(1)}%`;
  console.log(`${pairs.length} real pairs, ${resamples} resamples each`);
  console.log(
    `A/A false alarms per run (both metrics): n=10 ${percent(rate(10, 0, 'cpuUs').alarms)}, n=20 ${percent(rate(20, 0, 'cpuUs').alarms)}`,
  );
  console.log(
    `+10% CPU per operation found: n=10 ${percent(rate(10, 0.1, 'cpuUs').found)}, n=20 ${percent(rate(20, 0.1, 'cpuUs').found)}`,
  );
  console.log(
    `+5% p50 found: n=10 ${percent(rate(10, 0.05, 'p50Us').found)}, n=20 ${percent(rate(20, 0.05, 'p50Us').found)}`,
  );

  const plain = scenarioFile('plain', 0);
  const calibration = realPairs([`scenario=${plain}`, `scenario=${plain}`]).map(({ a }) => a.cpuUs);
  const cpuUs = calibration.toSorted((x, y) => x - y)[calibration.length >> 1] ?? 0;
  const slow = scenarioFile('slow', cpuUs / 10);
  const spun = realPairs([`scenario=${plain}`, `scenario=${slow}`]);
  const added = spun.map(({ a, b }) => b.cpuUs / a.cpuUs - 1).toSorted((x, y) => x - y)[spun.length >> 1] ?? 0;
  console.log(
    `a spin of ${(cpuUs / 10).toFixed(1)} us in transactions of ${cpuUs.toFixed(1)} us (measured: +${percent(added)} CPU) found: n=10 ${percent(rate(10, 0, 'cpuUs', spun).found)}, n=20 ${percent(rate(20, 0, 'cpuUs', spun).found)}`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
