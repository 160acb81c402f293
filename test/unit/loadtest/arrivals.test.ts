import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateProfile, type RateStage } from '../../../src/core/loadtest/arrival/arrival-rate.ts';
import { type ArrivalPlan, arrivals } from '../../../src/core/loadtest/arrival/schedule.ts';
import { makeLoad, parsePragma, parseStages, splitWeight } from '../../../src/core/loadtest/plan.ts';

const stage = (durationMs: number, from: number, to = from): RateStage => ({ durationMs, from, to });

function all(plan: ArrivalPlan, clients = 1, seed = 1): { k: number; dueMs: number }[] {
  return Array.from({ length: clients }, (_, client) => [...arrivals(plan, { client, clients, first: 0 }, seed)])
    .flat()
    .sort((a, b) => a.k - b.k);
}

describe('rate profile', () => {
  const stages = fc.array(
    fc.record({
      durationMs: fc.integer({ min: 1, max: 20_000 }),
      from: fc.integer({ min: 0, max: 5000 }),
      to: fc.integer({ min: 0, max: 5000 }),
    }),
    { minLength: 1, maxLength: 5 },
  );

  it('inverts the integral: the time of a count lies where that count is reached', () => {
    fc.assert(
      fc.property(stages, fc.double({ min: 0, max: 0.999, noNaN: true }), (list, share) => {
        const profile = new RateProfile(list);
        fc.pre(profile.total > 1);
        const count = profile.total * share;
        const ms = profile.timeOf(count);
        let reached = 0;
        let start = 0;
        for (const { durationMs, from, to } of list) {
          const t = Math.min(Math.max(0, ms - start), durationMs) / 1000;
          reached += from * t + ((to - from) / (durationMs / 1000)) * (t * t) * 0.5;
          start += durationMs;
        }
        expect(reached).toBeCloseTo(count, 3);
      }),
    );
  });

  it('has no time beyond its end, and goes back when asked for an earlier count', () => {
    const profile = new RateProfile([stage(1000, 100), stage(1000, 200)]);
    expect(profile.timeOf(300)).toBe(Number.POSITIVE_INFINITY);
    expect(profile.timeOf(50)).toBeCloseTo(500);
    expect(profile.rateAt(1500)).toBe(200);
  });
});

describe('arrivals', () => {
  it('constant: exactly rate times seconds, evenly spread', () => {
    const found = all({ kind: 'constant', stages: [stage(3000, 200)] });
    expect(found).toHaveLength(600);
    expect(found[1]!.dueMs - found[0]!.dueMs).toBeCloseTo(5);
    expect(found.at(-1)!.dueMs).toBeLessThan(3000);
  });

  it('ramps: the count is the integral of the rate', () => {
    const found = all({ kind: 'constant', stages: [stage(10_000, 0, 1000), stage(5000, 1000)] });
    expect(found).toHaveLength(10_000);
    expect(found.filter(({ dueMs }) => dueMs < 5000)).toHaveLength(1250);
  });

  it('Poisson: mean and exponential gaps on a fixed seed', () => {
    const found = all({ kind: 'poisson', stages: [stage(60_000, 500)] }, 1, 11);
    expect(Math.abs(found.length - 30_000)).toBeLessThan(5 * Math.sqrt(30_000));
    const gaps = found.slice(1).map(({ dueMs }, index) => dueMs - found[index]!.dueMs);
    // Kolmogorov-Smirnov distance to 1 - exp(-gap / 2 ms); 1.95 / sqrt(n) is the 0.1% limit.
    gaps.sort((a, b) => a - b);
    const distance = Math.max(
      ...gaps.map((gap, index) => Math.abs((index + 1) / gaps.length - (1 - Math.exp(-gap / 2)))),
    );
    expect(distance).toBeLessThan(1.95 / Math.sqrt(gaps.length));
  });

  it('bursts: a tenfold rate for 100 ms in 5 s, the mean unchanged', () => {
    const found = all({ kind: 'burst', stages: [stage(10_000, 1000)] }, 1, 3);
    expect(Math.abs(found.length - 10_000)).toBeLessThan(500);
    const inBurst = found.filter(({ dueMs }) => dueMs % 5000 >= 4900).length;
    expect(inBurst / 200).toBeGreaterThan(((found.length - inBurst) / 9800) * 8);
  });

  it.each(['constant', 'poisson', 'burst'] as const)('%s: the same times for 1, 2, 4 and 8 clients', (kind) => {
    const plan: ArrivalPlan = { kind, stages: [stage(2000, 300)] };
    for (const clients of [2, 4, 8]) expect(all(plan, clients)).toEqual(all(plan, 1));
  });

  it('trace: keeps the offsets', () => {
    const offsetsMs = [0, 3, 3, 250];
    expect(all({ kind: 'trace', stages: [], offsetsMs }, 2).map(({ dueMs }) => dueMs)).toEqual(offsetsMs);
  });

  it('stops at the number of transactions over all clients', () => {
    const plan: ArrivalPlan = { kind: 'poisson', stages: [stage(60_000, 100)] };
    const found = [0, 1, 2].flatMap((client) => [...arrivals(plan, { client, clients: 3, first: 100, limit: 10 }, 1)]);
    expect(found.map(({ k }) => k).sort((a, b) => a - b)).toEqual([100, 101, 102, 103, 104, 105, 106, 107, 108, 109]);
  });
});

describe('plan', () => {
  const options = { stages: [], arrivals: 'poisson', durationMs: 1000, thinkMs: 0, drainMs: 5000 } as const;

  it('is a closed loop without a rate and an open one with it', () => {
    expect(makeLoad(options).loop).toBe('closed');
    expect(makeLoad({ ...options, rate: 100 })).toMatchObject({ loop: 'open', durationMs: 1000 });
  });

  it('refuses what does not fit the loop', () => {
    expect(() => makeLoad({ ...options, dropAfterMs: 5 })).toThrow(/no arrivals/);
    expect(() => makeLoad({ ...options, rate: 5, thinkMs: 5 })).toThrow(/closed loop/);
    expect(() => makeLoad({ ...options, arrivals: 'trace', traceMs: [] })).toThrow(/no arrival/);
  });

  it('reads stages as straight lines from one rate to the next', () => {
    expect(parseStages('0s:0, 10s:1000,5s:1000')).toEqual([stage(10_000, 0, 1000), stage(5000, 1000)]);
    expect(() => parseStages('10s')).toThrow(/no stage/);
    expect(() => parseStages('10s:0')).toThrow(/no load/);
  });

  it('takes only what can be a pragma', () => {
    expect(parsePragma('cache_size=-64000')).toEqual({ name: 'cache_size', value: '-64000' });
    expect(() => parsePragma('cache_size=1; DROP TABLE x')).toThrow(/no pragma/);
  });

  it('splits a weight from a scenario name', () => {
    expect(splitWeight('a@b.sql@2.5')).toEqual({ name: 'a@b.sql', weight: 2.5 });
    expect(splitWeight('my@file.sql')).toEqual({ name: 'my@file.sql', weight: 1 });
  });
});
