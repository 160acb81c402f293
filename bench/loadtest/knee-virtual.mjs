// How often the knee search lands within 5% of the truth, on a virtual clock: no load is made, so a run takes seconds.
// The truth is the rate at which a run of two minutes holds the limit.
//   node bench/loadtest/knee-virtual.mjs [--runs 200]
import { parseArgs } from 'node:util';
import { findKnee } from '../../dist/core/loadtest/knee/search.js';
import { CounterDraw } from '../../dist/core/loadtest/stream/draw.js';
import { trueKnee, virtualP99 } from '../../test/support/virtual-server.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '200' } } });
const runs = Number(values.runs);

for (const noise of [0, 0.08]) {
  const server = { serviceMs: 0.25, stallMs: 5, stallEvery: 1000, noise };
  const truth = trueKnee(server, 10);
  for (const maxLoadSeconds of [30, 60]) {
    let near = 0;
    let load = 0;
    let bias = 0;
    let covered = 0;
    for (let run = 0; run < runs; run++) {
      let trials = 0;
      const result = await findKnee(
        { low: 200, high: 4400, precision: 0.03, repeats: 3, maxLoadSeconds },
        (rate, stretch) => {
          const draw = new CounterDraw(run, 7).start(trials++);
          const seconds = Math.max(stretch, 2000 / rate);
          const passed = virtualP99(server, rate, seconds, draw) <= 10;
          return Promise.resolve({ ratePerSecond: rate, passed, seconds });
        },
      );
      const ratio = (result.estimatePerSecond ?? 0) / truth;
      if (Math.abs(ratio - 1) <= 0.05) near += 1;
      if ((result.lowPerSecond ?? 0) <= truth && truth <= (result.highPerSecond ?? 0)) covered += 1;
      bias += ratio - 1;
      load += result.secondsOfLoad;
    }
    const percent = (/** @type {number} */ share) => `${(share * 100).toFixed(1)}%`;
    console.log(
      `noise ${noise * 100}%  at most ${maxLoadSeconds} s of load: within 5% in ${percent(near / runs)}, bias ${percent(bias / runs)}, interval holds the truth in ${percent(covered / runs)}, ${(load / runs).toFixed(0)} s of load`,
    );
  }
}
