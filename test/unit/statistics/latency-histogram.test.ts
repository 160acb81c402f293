import { expect, test } from 'vitest';
import { LatencyHistogram } from '../../../src/core/statistics/latency-histogram.ts';

test('an empty histogram answers 0 and writes valid JSON', () => {
  const histogram = new LatencyHistogram();
  expect([histogram.count, histogram.minNs, histogram.maxNs, histogram.meanNs, histogram.percentileNs(99)]).toEqual([
    0, 0, 0, 0, 0,
  ]);
  expect(histogram.toJSON()).toEqual({
    unit: 'ns',
    encoding: 'float64-high-word',
    mantissaBits: 7,
    count: 0,
    min: 0,
    max: 0,
    buckets: [],
  });
  expect(LatencyHistogram.fromJSON(histogram.toJSON()).minNs).toBe(0);
});

test('the buckets of the format document: 1 ns is bucket 0, each doubling is 128 further', () => {
  const histogram = new LatencyHistogram();
  for (const ns of [1, 2, 3, 4, 1024]) histogram.record(ns);
  expect(histogram.toJSON().buckets).toEqual([
    [0, 1],
    [128, 1],
    [192, 1],
    [256, 1],
    [1280, 1],
  ]);
});

test('zero, negative, tiny and huge values are kept at the edges', () => {
  const histogram = new LatencyHistogram();
  for (const ns of [0, -5, 0.25, 2 ** 70]) histogram.record(ns);
  expect(histogram.count).toBe(4);
  expect(histogram.minNs).toBe(0);
  expect(histogram.maxNs).toBe(2 ** 70);
  expect(histogram.toJSON().buckets).toEqual([
    [0, 3],
    [8191, 1],
  ]);
});

test('mean, counts above a limit, reset', () => {
  const histogram = new LatencyHistogram();
  for (let value = 1; value <= 1000; value++) histogram.recordMs(value);
  expect(histogram.meanNs / 500.5e6).toBeCloseTo(1, 2);
  expect(histogram.countAbove(900e6)).toBeGreaterThanOrEqual(92);
  expect(histogram.countAbove(900e6)).toBeLessThanOrEqual(100);
  expect(histogram.countAbove(2e9)).toBe(0);
  histogram.reset();
  expect(histogram.count).toBe(0);
  histogram.record(7);
  expect(histogram.minNs).toBe(7);
});

test('foreign or damaged JSON is refused', () => {
  const good = new LatencyHistogram();
  good.record(5);
  const data = good.toJSON();
  for (const bad of [
    { ...data, count: 2 },
    { ...data, buckets: [[9000, 1]] as const },
    { ...data, buckets: [[5, 0.5]] as const },
  ]) {
    expect(() => LatencyHistogram.fromJSON(bad)).toThrow(RangeError);
  }
});
