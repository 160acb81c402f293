import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HistoryClock } from '../../src/core/monitor/history/history-clock.ts';
import { bucketMs, type Level, levels } from '../../src/core/monitor/history/level.ts';
import { type PendingBucket, Rollup } from '../../src/core/monitor/history/rollup.ts';

const start = Date.UTC(2026, 2, 1, 9, 59, 30);

/** Samples at random distances: a counter that grows, sometimes begins anew, and a gauge. */
const samples = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 1, max: 20_000 }),
    growth: fc.integer({ min: 0, max: 1000 }),
    gauge: fc.integer({ min: -50, max: 50 }),
  }),
  { minLength: 2, maxLength: 120 },
);

function rolledUp(list: readonly { afterMs: number; growth: number; gauge: number }[]): PendingBucket[] {
  const rollup = new Rollup();
  let at = start;
  let counter = 7;
  for (const { afterMs, growth, gauge } of list) {
    at += afterMs;
    counter += growth;
    rollup.add(at, [
      { series: 'commits_total', type: 'counter', value: counter, coarse: false },
      { series: 'size', type: 'gauge', value: gauge, coarse: false },
    ]);
  }
  rollup.finish();
  return rollup.drain();
}

const of = (buckets: readonly PendingBucket[], series: string, level: Level): PendingBucket[] =>
  buckets.filter((bucket) => bucket.series === series && bucket.level === level);
const sum = (list: readonly PendingBucket[]): number => list.reduce((total, bucket) => total + bucket.sum, 0);

describe('rollups', () => {
  it('keep every growth exactly, at every level', () => {
    fc.assert(
      fc.property(samples, (list) => {
        const buckets = rolledUp(list);
        const grown = list.slice(1).reduce((total, { growth }) => total + growth, 0);
        for (const level of levels) expect(sum(of(buckets, 'commits_total', level))).toBeCloseTo(grown, 6);
      }),
    );
  });

  it('of rollups equal rollups of samples, with the average between the ends', () => {
    fc.assert(
      fc.property(samples, (list) => {
        const buckets = rolledUp(list);
        for (const series of ['commits_total', 'size']) {
          for (const level of ['minute', 'hour'] as const) {
            for (const bucket of of(buckets, series, level)) {
              const inside = of(buckets, series, 'second').filter(
                ({ bucket: second }) => Math.floor((second * 1000) / bucketMs[level]) === bucket.bucket,
              );
              expect(bucket.count).toBe(inside.reduce((total, { count }) => total + count, 0));
              expect(bucket.sum).toBeCloseTo(sum(inside), 6);
              expect(bucket.min).toBe(Math.min(...inside.map(({ min }) => min)));
              expect(bucket.max).toBe(Math.max(...inside.map(({ max }) => max)));
              const average = bucket.sum / bucket.count;
              expect(average).toBeGreaterThanOrEqual(bucket.min - 1e-6);
              expect(average).toBeLessThanOrEqual(bucket.max + 1e-6);
            }
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it('never go below zero when a counter begins anew', () => {
    const rollup = new Rollup();
    for (const [index, value] of [100, 200, 3, 9].entries()) {
      rollup.add(start + index * 1000, [{ series: 'n', type: 'counter', value, coarse: false }]);
    }
    rollup.finish();
    expect(of(rollup.drain(), 'n', 'second').map((bucket) => bucket.sum)).toEqual([0, 100, 0, 6]);
  });
});

describe('the time axis', () => {
  it('never goes back and follows jumps forward, whatever happens to the wall clock', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            stepMs: fc.integer({ min: 0, max: 5000 }),
            jumpMs: fc.integer({ min: -7_200_000, max: 7_200_000 }),
          }),
        ),
        (steps) => {
          const clock = new HistoryClock();
          let [wall, monotonic, last] = [start, 1000, clock.at(start, 1000)];
          for (const { stepMs, jumpMs } of steps) {
            wall += stepMs + jumpMs;
            monotonic += stepMs;
            const now = clock.at(wall, monotonic);
            expect(now).toBeGreaterThanOrEqual(last + stepMs);
            expect(now).toBeGreaterThanOrEqual(Math.min(wall, last + stepMs));
            if (jumpMs <= 0) expect(now).toBe(Math.max(last + stepMs, wall - last - stepMs > 2000 ? wall : 0));
            last = now;
          }
        },
      ),
    );
  });
});
