import { describe, expect, it } from 'vitest';
import { evaluateAlerts } from '../../../src/core/alert/evaluator.ts';
import type { AlertRule } from '../../../src/core/alert/rule.ts';
import type { AlertState } from '../../../src/core/alert/state.ts';
import { alertRule } from '../../support/alert-rule.ts';

const minute = 60_000;
const base = alertRule();

interface Sample {
  readonly value: number;
  readonly labels?: Record<string, string>;
}

/** One look a minute; gives what is told and the phases after it. */
function watch(parts: Partial<AlertRule> = {}) {
  let states: readonly AlertState[] = [];
  let at = 0;
  return (samples: readonly Sample[], options: { rules?: AlertRule[]; expected?: boolean; boot?: string } = {}) => {
    at += minute;
    const result = evaluateAlerts({
      rules: options.rules ?? [{ ...base, ...parts }],
      states,
      metrics: samples.map((sample) => ({ name: 'm', type: 'gauge', help: '', ...sample })),
      expects: () => options.expected ?? true,
      now: { wallMs: 1e12 + at, monotonicMs: at, bootId: options.boot ?? 'b' },
      intervalMs: minute,
      database: 'd',
    });
    states = result.states;
    const told = result.transitions.map(({ kind, severity }) => `${kind} ${severity}`);
    return { told, phases: states.map(({ phase }) => phase), states };
  };
}

describe('the evaluator', () => {
  it('waits for the time of the rule before it fires', () => {
    const look = watch({ forMs: 2 * minute });
    expect(look([{ value: 12 }]).phases).toEqual(['pending']);
    expect(look([{ value: 12 }]).told).toEqual([]);
    expect(look([{ value: 12 }]).told).toEqual(['fired warning']);
  });

  it('ends only below the clear limit, after the time it has to hold', () => {
    const look = watch({ keepMs: minute });
    look([{ value: 12 }]);
    expect(look([{ value: 6 }]).phases).toEqual(['firing']);
    expect(look([{ value: 4 }]).phases).toEqual(['recovering']);
    expect(look([{ value: 4 }]).told).toEqual(['resolved warning']);
  });

  it('watches downward too', () => {
    const look = watch({ direction: 'below', limits: { critical: 3 }, clear: { critical: 4 } });
    expect(look([{ value: 3.1 }]).told).toEqual([]);
    expect(look([{ value: 3 }]).told).toEqual(['fired critical']);
    expect(look([{ value: 4 }]).told).toEqual([]);
    expect(look([{ value: 4.1 }]).told).toEqual(['resolved critical']);
  });

  it('keeps each series of labels apart', () => {
    const look = watch();
    const [a, b] = [{ check: 'a' }, { check: 'b' }];
    const labels = (value: number) => [
      { value, labels: a },
      { value: 12, labels: b },
    ];
    expect(look(labels(0)).told).toEqual(['fired warning']);
    expect(look(labels(25)).told).toEqual(['fired critical']);
    expect(look(labels(25)).phases).toEqual(['firing', 'firing']);
  });

  it('takes a value that is no number for none, and leaves what it does not expect', () => {
    const look = watch({ nodata: 'alert' });
    look([{ value: 0 }]);
    for (let n = 0; n < 5; n++) expect(look([], { expected: false }).phases).toEqual(['ok']);
    look([{ value: 0 }]);
    expect([1, 2, 3].flatMap(() => look([{ value: Number.NaN }]).told)).toEqual(['nodata warning']);
    expect(look([{ value: 0 }]).told).toEqual(['resolved warning']);
  });

  it('withdraws what was told of a rule that is gone', () => {
    const look = watch();
    look([{ value: 12 }]);
    expect(look([{ value: 12 }], { rules: [] })).toMatchObject({ told: ['withdrawn warning'], states: [] });
  });

  it('goes on flapping, without a second notice, after data was missing', () => {
    const look = watch();
    const told = [12, 0, 12, 0, 12, 0].flatMap((value) => look([{ value }]).told);
    expect(told.at(-1)).toBe('flapping warning');
    for (let n = 0; n < 4; n++) look([]);
    expect(look([{ value: 12 }])).toMatchObject({ told: [], phases: ['flapping'] });
    expect(look([{ value: 0 }])).toMatchObject({ told: [], phases: ['flapping'] });
  });

  it('does not take gaps in the data of a fault for changes', () => {
    const look = watch({ forMs: 60 * minute });
    for (let n = 0; n < 8; n++) {
      expect(look([{ value: 12 }])).toMatchObject({ told: [], phases: ['pending'] });
      for (let gap = 0; gap < 3; gap++) expect(look([]).told).toEqual([]);
    }
  });
});
