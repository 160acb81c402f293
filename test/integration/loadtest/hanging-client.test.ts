import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { LoadPlan } from '../../../src/core/loadtest/plan.ts';
import { runTrial } from '../../../src/core/loadtest/trial.ts';
import { fullProfile } from '../../../src/core/sqlite/pragma-profile.ts';
import { systemClock } from '../../../src/system/system-clock.ts';
import { createShop } from '../../support/bad-inputs.ts';
import { testContext } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

it('a client whose transaction never ends is ended, and the run fails with what to look at', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'shop.db');
  createShop(path);
  const module = join(folder, 'endless.mjs');
  writeFileSync(
    module,
    `import { writeFileSync } from 'node:fs';
export default { name: 'endless', transactions: { endless: { parameters: () => ({}), run: () => {
  writeFileSync(${JSON.stringify(join(folder, 'pid'))}, String(process.pid));
  for (;;);
} } } };
`,
  );
  const plan: LoadPlan = {
    scenarios: [{ kind: 'module', name: 'endless', path: module, weight: 1 }],
    seed: 1,
    clients: 1,
    load: { loop: 'closed', durationMs: 100, thinkMs: 0 },
    warmupMs: 0,
    groupSize: 1,
    durability: 'full',
    pragmas: [],
    busyTimeoutMs: 1000,
    backgroundReaders: 0,
    perStatement: false,
    intervalMs: 1000,
    rehearsalCalls: 0,
    sampleOrders: 1,
  };
  const context = testContext();
  // A minute of patience would be a minute of test: the clock of the parent runs ten times as fast.
  const clock = { ...systemClock, after: (ms: number, work: () => void) => systemClock.after(ms / 10, work) };
  const run = runTrial({ plan, path, runId: 'hang', profile: fullProfile, names: ['endless'] }, { ...context, clock });
  await expect(run).rejects.toMatchObject({
    code: 'child_failed',
    message: 'client 0 did not answer in time and was ended',
    hint: expect.stringContaining('without end'),
  });
  expect(alive(Number(readFileSync(join(folder, 'pid'), 'utf8')))).toBe(false);
});
