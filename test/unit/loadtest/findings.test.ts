import { describe, expect, it } from 'vitest';
import { type BrokenRule, newlyBroken } from '../../../src/core/loadtest/business-rules.ts';
import { formatValue } from '../../../src/core/loadtest/result/findings.ts';

const rule = (id: string, count: number): BrokenRule => ({ id, sentence: 's', count, sample: 'x' });

describe('what the load is blamed for', () => {
  it('only rules that held before, or that more rows break now', () => {
    const before = [rule('I01', 3), rule('I02', 1)];
    expect(newlyBroken(before, [rule('I01', 3), rule('I02', 2), rule('I03', 1)]).map(({ id }) => id)).toEqual([
      'I02',
      'I03',
    ]);
    expect(newlyBroken([], [])).toEqual([]);
  });
});

describe('values of thresholds for people', () => {
  it.each([
    [26_300, 'duration', '26 ms'],
    [0.99, 'share', '99.0%'],
    [0.0004, 'share', '0.040%'],
    [2172.4, 'perSecond', '2,172/s'],
    [41_200_000, 'bytes', '41.2 MB'],
    [null, 'share', 'nothing measured'],
  ] as const)('%s %s', (value, unit, text) => {
    expect(formatValue(value, unit)).toBe(text);
  });
});
