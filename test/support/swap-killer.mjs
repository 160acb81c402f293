// Runs the swap of a compaction and kills itself at a step: argv = request as JSON, step. Exits 0 after the last step.

import { swapInCompactCopy } from '../../dist/core/maintenance/vacuum/exclusive-swap.js';
import { systemClock } from '../../dist/system/system-clock.js';
import { systemRandom } from '../../dist/system/system-random.js';

const [request, fatal] = process.argv.slice(2);
await swapInCompactCopy(JSON.parse(request), {
  settings: { clock: systemClock, random: systemRandom, busyTimeoutMs: 0 },
  onStep: (step) => {
    if (step === fatal) process.kill(process.pid, 'SIGKILL');
  },
});
