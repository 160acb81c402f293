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
import { compileStepCounter, libraryWork, missingForSteps, pythonSteps, type Work } from '../../support/vm-steps.ts';

/** What the advice allows for a read: a tenth more, and 0.02 ms, in which SQLite takes some 2,000 steps. */
const slowdown = 1.1;
const slack = { steps: 2000, pages: 40 };

interface Measured {
  readonly library: Work[];
  readonly plain: Work[];
  readonly python: number[];
}

const sum = (list: readonly number[]): number => list.reduce((all, one) => all + one, 0);
const total = (list: readonly Work[]): Work => ({
  steps: sum(list.map((one) => one.steps)),
  pages: sum(list.map((one) => one.pages)),
});

/** Asks for advice, applies it, and counts the work of each statement before and after. */
async function workOf(
  input: RandomDatabase,
  engine: { readonly stat4: boolean; readonly engineKnown: boolean },
  counter: string,
) {
  const statements: RandomStatement[] = statementsOf(input);
  const { data, path } = await adviseOn(schemaOf(input), workloadText(statements), { timeLimitMs: 8000, ...engine });
  const count = (): Measured => ({
    library: libraryWork(path, statements, { counter, stat4: true }),
    plain: libraryWork(path, statements, { counter, stat4: false }),
    python: pythonSteps(path, statements),
  });
  const before = count();
  const db = new Database(path);
  for (const sql of data.migration?.up ?? []) db.exec(sql);
  db.close();
  return { data, before, after: count(), statements };
}

/**
 * A sort takes more steps than look-ups of the same duration, and a walk along an index asks for more pages than one of
 * the table: a statement is slower when it takes more of both.
 */
function isMore(after: Work, before: Work, factor: number): boolean {
  return after.steps > before.steps * factor + slack.steps && after.pages > before.pages * factor + slack.pages;
}

/** No statement and no workload takes more work than before, beyond what the advice allows. */
function expectNotSlower(engine: 'library' | 'plain', before: Measured, after: Measured): void {
  const slower = after[engine].flatMap((work, index) => {
    const old = before[engine][index] ?? { steps: 0, pages: 0 };
    return isMore(work, old, slowdown) ? [{ index, before: old, after: work }] : [];
  });
  const [all, allBefore] = [total(after[engine]), total(before[engine])];
  const whole = isMore(all, allBefore, 1.01) ? { before: allBefore, after: all } : 'not slower';
  expect({ engine, slower, whole }).toEqual({ engine, slower: [], whole: 'not slower' });
}

/**
 * The planner of another release chooses by itself at times, and the advice cannot ask it: one workload may lose there.
 * All of them together must not.
 */
function expectGainInOtherRelease(list: readonly { readonly before: Measured; readonly after: Measured }[]): void {
  const before = sum(list.flatMap((one) => one.before.python));
  expect(sum(list.flatMap((one) => one.after.python))).toBeLessThanOrEqual(before * slowdown + slack.steps);
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

    test('for engines of both kinds: never slower in either, and a gain in another release', async () => {
      const seen: Awaited<ReturnType<typeof workOf>>[] = [];
      await fc.assert(
        fc.asyncProperty(randomDatabase, async (input) => {
          const work = await workOf(input, { stat4: true, engineKnown: false }, counter);
          seen.push(work);
          for (const engine of ['library', 'plain'] as const) expectNotSlower(engine, work.before, work.after);
          expect(work.data.withoutStat4).toEqual({ held: true, slower: [] });
        }),
        runs,
      );
      expectGainInOtherRelease(seen);
    });

    test('for an engine without STAT4: never slower in such a one', async () => {
      const seen: Awaited<ReturnType<typeof workOf>>[] = [];
      await fc.assert(
        fc.asyncProperty(randomDatabase, async (input) => {
          const work = await workOf(input, { stat4: false, engineKnown: true }, counter);
          seen.push(work);
          expectNotSlower('plain', work.before, work.after);
        }),
        runs,
      );
      expectGainInOtherRelease(seen);
    });

    test('an index that lures an engine without STAT4 is given to an engine with it alone, with a finding', async () => {
      const known = await workOf(lured, { stat4: true, engineKnown: true }, counter);
      expectNotSlower('library', known.before, known.after);
      expect(known.data.withoutStat4?.held).toBe(false);
      // Which set is found is up to the measured times; where it lures, from 50 steps to 39,000, the finding says so.
      const lures = (known.after.plain[1]?.steps ?? 0) > (known.before.plain[1]?.steps ?? 0) * 100;
      expect(known.data.withoutStat4?.slower.map((one) => one.name)).toEqual(lures ? ['select t #2'] : []);

      const open = await workOf(lured, { stat4: true, engineKnown: false }, counter);
      // Advice that lures is changed or given up; how much is left is up to the measured times too.
      for (const engine of ['library', 'plain'] as const) expectNotSlower(engine, open.before, open.after);
    });
  },
);
