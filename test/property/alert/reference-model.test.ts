import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluateAlerts } from '../../../src/core/alert/evaluator.ts';
import type { AlertRule } from '../../../src/core/alert/rule.ts';
import type { AlertState } from '../../../src/core/alert/state.ts';
import { alertRule } from '../../support/alert-rule.ts';
import { type ModelLook, ReferenceModel } from './reference-model.ts';

const minute = 60_000;

const anyRule = fc.record({
  forMs: fc.constantFrom(0, minute, 3 * minute),
  keepMs: fc.constantFrom(0, 2 * minute, 5 * minute),
  nodata: fc.constantFrom<AlertRule['nodata']>('keep', 'alert', 'ok'),
});

/** Mostly regular samples, so that recoveries, calm and flapping come to their end now and then. */
const anyStep = fc.record({
  value: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(0, 4, 5, 9, 10, 19, 20, 25) },
    { weight: 2, arbitrary: fc.constant(undefined) },
  ),
  times: fc.constantFrom(1, 1, 1, 1, 2, 4, 17),
  passedMs: fc.constantFrom(minute, minute, minute, 30_000, 2 * minute, 2 * minute + 1, 90 * minute),
  jumpMs: fc.constantFrom(0, 0, 0, 60 * minute, -60 * minute),
  restart: fc.constantFrom(false, false, false, false, true),
});
const anySteps = fc.array(anyStep, { maxLength: 60, size: 'max' });

interface Step {
  readonly value: number | undefined;
  readonly times: number;
  readonly passedMs: number;
  readonly jumpMs: number;
  readonly restart: boolean;
}

/** A step holds for a few looks; the jump and the restart come with its first one. */
function looksOf(steps: readonly Step[], jumps = true): ModelLook[] {
  let [wallMs, monotonicMs, boot] = [1_700_000_000_000, 1000, 0];
  return steps.flatMap(({ value, times, passedMs, jumpMs, restart }) =>
    Array.from({ length: times }, (_, n) => {
      const isFirst = n === 0;
      wallMs += passedMs + (isFirst && jumps ? jumpMs : 0);
      monotonicMs = isFirst && restart ? 500 : monotonicMs + passedMs;
      boot += isFirst && restart ? 1 : 0;
      return { value, wallMs, monotonicMs, boot };
    }),
  );
}

type Timing = Pick<AlertRule, 'forMs' | 'keepMs' | 'nodata'>;

function runEvaluator(timing: Timing, looks: readonly ModelLook[]) {
  const rule = alertRule(timing);
  let states: readonly AlertState[] = [];
  return looks.map(({ value, wallMs, monotonicMs, boot }) => {
    const result = evaluateAlerts({
      rules: [rule],
      // As it comes back from the file.
      states: JSON.parse(JSON.stringify(states)) as AlertState[],
      metrics: value === undefined ? [] : [{ name: 'm', type: 'gauge', help: '', value }],
      expects: () => true,
      now: { wallMs, monotonicMs, bootId: `boot-${boot}` },
      intervalMs: minute,
      database: 'd',
    });
    states = result.states;
    const heard = result.transitions.map(({ kind, severity }) => `${kind} ${severity}`);
    return { phase: states[0]?.phase, told: states[0]?.notified, heard, count: states.length };
  });
}

describe('the evaluator', () => {
  it('does what the table of states says', () => {
    fc.assert(
      fc.property(anyRule, anySteps, (timing, steps) => {
        const looks = looksOf(steps);
        const model = new ReferenceModel(timing, minute);
        const expected = looks.map((look) => {
          const heard = model.see(look);
          return { phase: model.phase, told: model.told, heard: heard === undefined ? [] : [heard], count: 1 };
        });
        expect(runEvaluator(timing, looks)).toEqual(expected);
      }),
      { numRuns: 1500 },
    );
  });

  it('does not see the wall clock jump within a boot', () => {
    fc.assert(
      fc.property(anyRule, anySteps, (timing, steps) => {
        const oneBoot = steps.map((step) => ({ ...step, restart: false }));
        expect(runEvaluator(timing, looksOf(oneBoot))).toEqual(runEvaluator(timing, looksOf(oneBoot, false)));
      }),
      { numRuns: 300 },
    );
  });

  it('neither fires nor ends anything by a restart with a jump of the wall clock', () => {
    fc.assert(
      fc.property(fc.constantFrom(25, 0), fc.constantFrom(60 * minute, -60 * minute), (value, jumpMs) => {
        const timing = { forMs: 10 * minute, keepMs: 10 * minute, nodata: 'keep' as const };
        const step = { passedMs: minute, jumpMs: 0, restart: false };
        const before = value === 25 ? [] : [{ ...step, value: 25, times: 11 }];
        const steps = [
          ...before,
          { ...step, value, times: 5 },
          { ...step, value, times: 5, jumpMs, restart: true },
          { ...step, value, times: 1, jumpMs: -jumpMs, restart: true },
        ];
        const heard = runEvaluator(timing, looksOf(steps)).flatMap((look) => look.heard);
        expect(heard).toEqual(value === 25 ? [] : ['fired critical']);
      }),
    );
  });

  it('hears of nothing, and forgets nothing, while data is missing and the notice is kept', () => {
    fc.assert(
      fc.property(anyRule, anySteps, (timing, steps) => {
        const looks = looksOf(steps);
        const results = runEvaluator({ ...timing, nodata: 'keep' }, looks);
        looks.forEach(({ value }, index) => {
          if (value !== undefined) return;
          expect(results[index]?.heard).toEqual([]);
          expect(results[index]?.told).toBe(results[index - 1]?.told ?? null);
        });
      }),
      { numRuns: 300 },
    );
  });

  it('tells of flapping once until it is over', () => {
    fc.assert(
      fc.property(anyRule, fc.array(anyStep, { minLength: 12, maxLength: 60, size: 'max' }), (timing, steps) => {
        const values = [0, 25];
        const busy = steps.map((step, n) => ({
          ...step,
          value: step.value === undefined ? undefined : values[n % 2],
          times: Math.min(step.times, 4),
          passedMs: minute,
        }));
        const heard = runEvaluator({ ...timing, nodata: 'keep' }, looksOf(busy)).flatMap((look) => look.heard);
        let isFlapping = false;
        for (const text of heard) {
          if (text.startsWith('flapping')) {
            expect(isFlapping).toBe(false);
            isFlapping = true;
          } else if (!text.startsWith('escalated')) isFlapping = false;
        }
      }),
      { numRuns: 300 },
    );
  });
});
