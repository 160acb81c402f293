import { describe, expect, test } from 'vitest';
import { seededChance } from '../../../src/core/analysis/workload/seeded-chance.ts';
import { bootstrapInterval } from '../../../src/core/statistics/bootstrap.ts';
import { median, percentile, standardDeviation } from '../../../src/core/statistics/percentile.ts';
import { resolution } from '../../../src/core/statistics/resolution.ts';
import { judgePairs, overallVerdict } from '../../../src/core/statistics/verdict.ts';

const options = { alpha: 0.05, floor: 0.05, detect: 0.1, chance: seededChance(1) };

/** Ratios around a factor with a given noise. */
function ratios(factor: number, noise: number, count = 12, seed = 1): number[] {
  const chance = seededChance(seed);
  return Array.from({ length: count }, () => factor * Math.exp((chance() - 0.5) * noise));
}

describe('verdicts', () => {
  test.each([
    ['slower', 1.2, 0.05, 'regression'],
    ['faster', 0.8, 0.05, 'improvement'],
    ['the same', 1, 0.05, 'no-change'],
    ['slower by less than the floor', 1.03, 0.01, 'no-change'],
    ['too noisy to tell', 1, 1, 'unresolved'],
  ] as const)('%s', (_, factor, noise, expected) => {
    expect(judgePairs([{ name: 'q', ratios: ratios(factor, noise) }], options)[0]?.verdict).toBe(expected);
  });

  test('more throughput is better', () => {
    const series = { name: 'tps', ratios: ratios(1.2, 0.05), higherIsBetter: true };
    expect(judgePairs([series], options)[0]?.verdict).toBe('improvement');
  });

  test('five pairs never tell a regression', () => {
    expect(judgePairs([{ name: 'q', ratios: ratios(2, 0.01, 5) }], options)[0]?.verdict).not.toBe('regression');
  });

  test('many comparisons make each one stricter', () => {
    const series = Array.from({ length: 40 }, (_, index) => ({
      name: String(index),
      ratios: ratios(1.2, 0.05, 8, index),
    }));
    const judged = judgePairs(series, options);
    expect(judged.every((one) => one.p < 0.05 && one.pCorrected > 0.05)).toBe(true);
    expect(judged.every((one) => one.verdict !== 'regression')).toBe(true);
  });

  test('a regression outweighs, unresolved is no pass', () => {
    expect(overallVerdict(['improvement', 'regression', 'unresolved'])).toBe('regression');
    expect(overallVerdict(['improvement', 'unresolved'])).toBe('unresolved');
    expect(overallVerdict(['no-change', 'improvement'])).toBe('improvement');
    expect(overallVerdict([])).toBe('no-change');
  });
});

describe('parts', () => {
  test('percentiles interpolate', () => {
    expect(percentile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(percentile([5], 0.99)).toBe(5);
    expect(percentile([], 0.5)).toBeNaN();
    expect(median([9, 1, 5])).toBe(5);
    expect(standardDeviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(2.138, 3);
  });

  test('the interval holds the median and is the same for the same seed', () => {
    const values = ratios(1.1, 0.2, 20);
    const interval = bootstrapInterval(values, seededChance(5));
    expect(interval.low).toBeLessThanOrEqual(median(values));
    expect(interval.high).toBeGreaterThanOrEqual(median(values));
    expect(bootstrapInterval(values, seededChance(5))).toEqual(interval);
  });

  test('resolution shrinks with pairs and grows with noise', () => {
    const log = (noise: number, count: number): number[] => ratios(1, noise, count).map(Math.log);
    expect(resolution(log(0.1, 20))).toBeLessThan(resolution(log(0.1, 6)));
    expect(resolution(log(0.4, 20))).toBeGreaterThan(resolution(log(0.1, 20)));
    expect(resolution([0.1])).toBe(Number.POSITIVE_INFINITY);
  });
});
