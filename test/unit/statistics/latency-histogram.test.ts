import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from '../../../src/core/statistics/latency-histogram.ts';

const latency = fc.oneof(
  fc.integer({ min: 1, max: 100 }),
  fc.integer({ min: 1, max: 10_000_000 }),
  fc.double({ min: 1, max: 1e15, noNaN: true }),
);

function filled(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

function sortedPercentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(fraction * sorted.length - 1e-9)) - 1] as number;
}

describe('latency histogram', () => {
  it('gives every percentile within 0.79% of the sorted values, never below', () => {
    fc.assert(
      fc.property(fc.array(latency, { minLength: 1, maxLength: 300 }), (values) => {
        const histogram = filled(values);
        for (const fraction of [0, 0.5, 0.9, 0.95, 0.99, 0.999, 1]) {
          const exact = sortedPercentile(values, fraction);
          const found = histogram.percentile(fraction);
          expect(found).toBeGreaterThanOrEqual(exact);
          expect(found).toBeLessThanOrEqual(exact * (1 + 1 / 128));
        }
      }),
    );
  });

  it('is exact for one repeated value, for min and for max', () => {
    const histogram = filled([57_123, 57_123, 57_123]);
    expect(histogram.percentile(0.5)).toBe(57_123);
    expect(histogram.min).toBe(57_123);
    expect(histogram.max).toBe(57_123);
    expect(histogram.mean).toBe(57_123);
  });

  it('merges to the same as recording together, and survives JSON', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1e12 })), fc.array(fc.integer({ min: 0, max: 1e12 })), (a, b) => {
        const merged = LatencyHistogram.fromJSON(JSON.parse(JSON.stringify(filled(a))));
        merged.merge(filled(b));
        expect(merged.toJSON()).toEqual(filled([...a, ...b]).toJSON());
      }),
    );
  });

  it('keeps zero, negative and huge values in its end buckets', () => {
    const histogram = filled([0, -5, 0.25, 1e300]);
    expect(histogram.count).toBe(4);
    expect(histogram.buckets()).toEqual([
      [0, 3],
      [8191, 1],
    ]);
  });

  it('counts what lies above a limit', () => {
    const histogram = filled([1000, 2000, 5_000_000, 9_000_000]);
    expect(histogram.countAbove(1_000_000)).toBe(2);
    expect(histogram.countAbove(1)).toBe(4);
  });

  it('is empty after clear', () => {
    const histogram = filled([5]);
    histogram.clear();
    expect(histogram.toJSON()).toEqual(new LatencyHistogram().toJSON());
    expect(histogram.percentile(0.99)).toBe(0);
  });
});
