import fc from 'fast-check';
import { expect, it } from 'vitest';
import { evaluateAlerts } from '../../../src/core/alert/evaluator.ts';
import type { AlertState } from '../../../src/core/alert/state.ts';
import { alertRule } from '../../support/alert-rule.ts';

const minute = 60_000;
const rule = alertRule({ forMs: 2 * minute, keepMs: 3 * minute });

/** One look: a value or none, real time since the last look, a jump of the wall clock, and whether the machine restarted. */
const look = fc.record({
  value: fc.option(fc.constantFrom(0, 4, 7, 12, 25), { nil: undefined }),
  passedMs: fc.constantFrom(minute, minute, minute, 2 * minute, 5 * minute, 90 * minute),
  jumpMs: fc.constantFrom(0, 0, 0, 0, 60 * minute, -60 * minute),
  restart: fc.constantFrom(false, false, false, false, true),
});

function run(looks: readonly (typeof look extends fc.Arbitrary<infer T> ? T : never)[]) {
  let states: readonly AlertState[] = [];
  let wallMs = 1_700_000_000_000;
  let monotonicMs = 1000;
  let boot = 0;
  return looks.map(({ value, passedMs, jumpMs, restart }) => {
    wallMs += passedMs + jumpMs;
    monotonicMs = restart ? 1000 : monotonicMs + passedMs;
    if (restart) boot += 1;
    const metrics = value === undefined ? [] : [{ name: 'm', type: 'gauge' as const, help: '', value }];
    const now = { wallMs, monotonicMs, bootId: `boot-${boot}` };
    const result = evaluateAlerts({
      rules: [rule],
      states,
      metrics,
      expects: () => true,
      now,
      intervalMs: minute,
      database: 'd',
    });
    states = result.states;
    return result;
  });
}

it('tells the end only of what it told, on a good sample, and escalates only a told warning', () => {
  fc.assert(
    fc.property(fc.array(look, { maxLength: 80 }), (looks) => {
      let told: 'warning' | 'critical' | undefined;
      run(looks).forEach(({ transitions }, index) => {
        for (const { kind, severity } of transitions) {
          const value = looks[index]?.value;
          expect(value).toBeDefined();
          if (kind === 'resolved') {
            expect(value).toBeLessThan(5);
            expect(told).toBeDefined();
            told = undefined;
            continue;
          }
          if (kind === 'escalated') expect(told).toBe('warning');
          told = severity;
        }
      });
    }),
    { numRuns: 1000 },
  );
});
