// Calibrates the comparison on this machine: real slices of one and the same variant, and from them many comparisons in
// which nothing differs (false alarms) or in which every B is made slower (power).
//   node bench/loadtest/compare-calibration.mjs [--pairs 40] [--resamples 1000]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
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

function realPairs() {
  const args = ['loadtest', 'compare', 'default', 'default', '--scenario', 'order-entry', '--durability', 'normal'];
  const more = ['--pairs', values.pairs, '--slice', '350ms', '--scratch-dir', folder, '--json', '--progress', 'none'];
  const result = spawnSync(process.execPath, [launcher, ...args, ...more], { encoding: 'utf8', maxBuffer: 1e8 });
  if (result.stdout === '') throw new Error(result.stderr);
  /** @type {{ a: { cpuUs: number, p50Us: number }, b: { cpuUs: number, p50Us: number } }[]} */
  const pairs = JSON.parse(result.stdout).data.pairs;
  return pairs;
}

try {
  const pairs = realPairs();
  const draw = new CounterDraw(1, 0).start(0);
  const options = { alpha: 0.05, floor: 0.03, detect: 0.1, chance: () => draw.uniform() };
  const rate = (/** @type {number} */ n, /** @type {number} */ effect, /** @type {'cpuUs' | 'p50Us'} */ slower) => {
    let found = 0;
    let alarms = 0;
    for (let run = 0; run < resamples; run++) {
      const chosen = Array.from({ length: n }, () => {
        const pair = pairs[draw.integer(pairs.length)];
        if (pair === undefined) throw new Error('no pairs');
        // Which of the two was A is chance when nothing differs.
        return draw.uniform() < 0.5 ? { a: pair.a, b: pair.b } : { a: pair.b, b: pair.a };
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
} finally {
  rmSync(folder, { recursive: true, force: true });
}
