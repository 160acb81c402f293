import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LatencyHistogram } from '../../../src/core/statistics/latency-histogram.ts';

const duration = fc.oneof(
  fc.double({ min: 1, max: 1e12, noNaN: true }),
  fc.integer({ min: 1, max: 1_000_000 }),
  fc.constantFrom(1, 2, 1023, 1024, 1025, 45_000, 1e9, 2 ** 53, 2 ** 63),
);
const durations = fc.array(duration, { minLength: 1, maxLength: 300 });

function recorded(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

test('every percentile is the one of the sorted list, or at most 0.79% above it', () => {
  fc.assert(
    fc.property(durations, fc.integer({ min: 0, max: 100_000 }), (values, thousandths) => {
      const sorted = values.toSorted((a, b) => a - b);
      // Whole numbers, so that the rank is exact.
      const exact = sorted[Math.max(1, Math.ceil((thousandths * sorted.length) / 100_000)) - 1] ?? 0;
      const percent = thousandths / 1000;
      const found = recorded(values).percentileNs(percent);
      expect(found).toBeGreaterThanOrEqual(exact);
      expect(found).toBeLessThanOrEqual(exact * 1.0079);
    }),
  );
});

test('the rank of a percentile is exact for any count: 999 values are 99.9 % of 1,000', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2000 }),
      fc.constantFrom(50, 90, 95, 99, 99.5, 99.9, 99.99, 99.999),
      (thousands, percent) => {
        // The lower values are exactly the share that the percentile asks for, the upper ones are far away.
        const count = thousands * 1000;
        const below = Math.ceil((Math.round(percent * 1000) * count) / 100_000);
        const histogram = LatencyHistogram.fromJSON({
          unit: 'ns',
          encoding: 'float64-high-word',
          mantissaBits: 7,
          count,
          min: 1,
          max: 1e9,
          buckets: [[0, below] as const, [3000, count - below] as const].filter(([, each]) => each > 0),
        });
        expect(histogram.percentileNs(percent)).toBeLessThan(10);
      },
    ),
  );
});

test('merging equals recording together, in any split', () => {
  fc.assert(
    fc.property(durations, durations, (left, right) => {
      const merged = recorded(left);
      merged.merge(recorded(right));
      expect(merged.toJSON()).toEqual(recorded([...left, ...right]).toJSON());
    }),
  );
});

test('the JSON form comes back as the same histogram', () => {
  fc.assert(
    fc.property(durations, (values) => {
      const histogram = recorded(values);
      const text = JSON.stringify(histogram);
      expect(JSON.stringify(LatencyHistogram.fromJSON(JSON.parse(text)))).toBe(text);
    }),
  );
});

test('since() gives exactly the later counts', () => {
  fc.assert(
    fc.property(durations, durations, (before, after) => {
      const histogram = recorded(before);
      const earlier = histogram.clone();
      for (const value of after) histogram.record(value);
      const { count, buckets } = histogram.since(earlier).toJSON();
      expect(count).toBe(after.length);
      expect(buckets).toEqual(recorded(after).toJSON().buckets);
    }),
  );
});
