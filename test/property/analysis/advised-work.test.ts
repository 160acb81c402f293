import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adviseOn } from '../../support/advice.ts';
import {
  luredWithoutStat4 as lured,
  type RandomDatabase,
  type RandomStatement,
  randomDatabase,
  schemaOf,
  statementsOf,
  workloadText,
} from '../../support/random-advice.ts';
import { requireInCi } from '../../support/server-process.ts';
import { compileStepCounter, librarySteps, missingForSteps, pythonSteps } from '../../support/vm-steps.ts';

/** What the advice allows for a read: a tenth more, and 0.02 ms, in which SQLite takes some 2,000 steps. */
const slowdown = 1.1;
const slackSteps = 2000;

const engines = ['library', 'plain', 'python'] as const;
type Work = Record<(typeof engines)[number], number[]>;

const sum = (list: readonly number[]): number => list.reduce((all, one) => all + one, 0);

/** Asks for advice, applies it, and counts the steps of each statement before and after. */
async function workOf(
  input: RandomDatabase,
  engine: { readonly stat4: boolean; readonly engineKnown: boolean },
  counter: string,
) {
  const statements: RandomStatement[] = statementsOf(input);
  const { data, path } = await adviseOn(schemaOf(input), workloadText(statements), { timeLimitMs: 8000, ...engine });
  const count = (): Work => ({
    library: librarySteps(path, statements, { counter, stat4: true }),
    plain: librarySteps(path, statements, { counter, stat4: false }),
    python: pythonSteps(path, statements),
  });
  const before = count();
  const db = new Database(path);
  for (const sql of data.migration?.up ?? []) db.exec(sql);
  db.close();
  return { data, before, after: count(), statements };
}

/** The planner of another release chooses by itself at times, and the advice cannot ask it: then it may lose this much. */
const otherRelease = 1.6;

/** No statement and no workload takes more steps than before, beyond what the advice allows. */
function expectNotSlower(engine: (typeof engines)[number], before: Work, after: Work): void {
  const [total, each] = engine === 'python' ? [otherRelease, otherRelease] : [1.01, slowdown];
  expect(sum(after[engine]), engine).toBeLessThanOrEqual(sum(before[engine]) * total + slackSteps);
  for (const [index, steps] of after[engine].entries()) {
    expect(steps, engine).toBeLessThanOrEqual((before[engine][index] ?? 0) * each + slackSteps);
  }
}

const missing = missingForSteps();

describe.skipIf(!requireInCi(missing))(
  `work of the advised indexes${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'tradedb-steps-'));
    let counter = '';
    beforeAll(() => {
      counter = compileStepCounter(folder);
    });
    afterAll(() => rmSync(folder, { recursive: true }));
    const runs = { numRuns: Number(process.env.ADVICE_RUNS ?? 3), endOnFailure: true };

    test('for engines of both kinds: never slower, with histograms or without, in another release too', async () => {
      await fc.assert(
        fc.asyncProperty(randomDatabase, async (input) => {
          const { data, before, after } = await workOf(input, { stat4: true, engineKnown: false }, counter);
          for (const engine of engines) expectNotSlower(engine, before, after);
          expect(data.withoutStat4).toEqual({ held: true, slower: [] });
        }),
        runs,
      );
    });

    test('for an engine without STAT4: never slower in such a one', async () => {
      await fc.assert(
        fc.asyncProperty(randomDatabase, async (input) => {
          const { before, after } = await workOf(input, { stat4: false, engineKnown: true }, counter);
          for (const engine of ['plain', 'python'] as const) expectNotSlower(engine, before, after);
        }),
        runs,
      );
    });

    test('an index that lures an engine without STAT4 is given to an engine with it alone, with a finding', async () => {
      const known = await workOf(lured, { stat4: true, engineKnown: true }, counter);
      expectNotSlower('library', known.before, known.after);
      expect(known.data.withoutStat4?.held).toBe(false);
      // Which set is found is up to the measured times; where it lures, from 50 steps to 39,000, the finding says so.
      const lures = (known.after.plain[1] ?? 0) > (known.before.plain[1] ?? 0) * 100;
      expect(known.data.withoutStat4?.slower.map((one) => one.name)).toEqual(lures ? ['select t #2'] : []);

      const open = await workOf(lured, { stat4: true, engineKnown: false }, counter);
      // Advice that lures is changed or given up; how much is left is up to the measured times too.
      for (const engine of engines) expectNotSlower(engine, open.before, open.after);
    });
  },
);
