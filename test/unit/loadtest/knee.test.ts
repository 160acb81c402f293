import { describe, expect, it } from 'vitest';
import { findKnee, type KneeOptions } from '../../../src/core/loadtest/knee/search.ts';
import { CounterDraw } from '../../../src/core/loadtest/stream/draw.ts';
import { trueKnee, type VirtualServer, virtualP99 } from '../../support/virtual-server.ts';

const options: KneeOptions = { low: 50, high: 1100, precision: 0.03, repeats: 3, maxLoadSeconds: 60 };

const trial = (passed: (rate: number) => boolean) => (ratePerSecond: number) =>
  Promise.resolve({ ratePerSecond, passed: passed(ratePerSecond), seconds: 1 });

describe('knee search', () => {
  it.each([60, 137, 500, 1000])('finds a sharp knee at %d within its precision', async (truth) => {
    const result = await findKnee(
      options,
      trial((rate) => rate <= truth),
    );
    expect(result.converged).toBe(true);
    expect(result.lowPerSecond).toBeLessThanOrEqual(truth);
    expect(result.highPerSecond).toBeGreaterThanOrEqual(truth);
    expect(result.highPerSecond! / result.lowPerSecond!).toBeLessThan(1.062);
    expect(Math.abs(result.estimatePerSecond! / truth - 1)).toBeLessThan(0.03);
  });

  it('never passing and never failing are open intervals', async () => {
    const never = await findKnee(
      options,
      trial(() => false),
    );
    expect(never).toMatchObject({ lowPerSecond: null, lowOpen: true, estimatePerSecond: null, converged: false });
    expect(never.highPerSecond).toBeLessThan(52);
    const always = await findKnee(
      options,
      trial(() => true),
    );
    expect(always).toMatchObject({ highPerSecond: null, highOpen: true, estimatePerSecond: null, converged: false });
    expect(always.lowPerSecond).toBe(1100);
    expect(Math.max(never.secondsOfLoad, always.secondsOfLoad)).toBeLessThan(12);
  });

  it('a precision wider than the range does not stay at one end', async () => {
    const narrow = { ...options, low: 600, high: 1200, precision: 0.6, repeats: 1 };
    const always = await findKnee(
      narrow,
      trial(() => true),
    );
    expect(always).toMatchObject({ lowPerSecond: 1200, highOpen: true });
    expect(always.secondsOfLoad).toBeLessThan(10);
  });

  it('says when the load ran out', async () => {
    const result = await findKnee(
      { ...options, maxLoadSeconds: 5 },
      trial((rate) => rate <= 300),
    );
    expect(result.converged).toBe(false);
    expect(result.secondsOfLoad).toBeLessThan(8);
  });

  it('outvotes trials that were spoilt, wherever they fall', async () => {
    for (const spoilt of [0, 1, 2, 5, 9]) {
      let calls = 0;
      const result = await findKnee(
        options,
        trial((rate) => rate <= 400 !== (calls++ === spoilt)),
      );
      expect(Math.abs(result.estimatePerSecond! / 400 - 1)).toBeLessThan(0.04);
    }
  });

  it('nothing that held before the load ran out is open below, nothing that failed open above', async () => {
    const short = { ...options, maxLoadSeconds: 2 };
    expect(
      await findKnee(
        short,
        trial(() => false),
      ),
    ).toMatchObject({ lowPerSecond: null, lowOpen: true });
    expect(
      await findKnee(
        short,
        trial(() => true),
      ),
    ).toMatchObject({ highPerSecond: null, highOpen: true });
  });

  it('a hole below the knee does not break it', async () => {
    const result = await findKnee(
      options,
      trial((rate) => rate <= 500 && !(rate > 300 && rate < 310)),
    );
    expect(Math.abs(result.estimatePerSecond! / 500 - 1)).toBeLessThan(0.04);
  });

  it.each([
    ['steady', 0, 0.95],
    ['8% noise per trial', 0.08, 0.75],
  ] as const)('a virtual database, %s: within 5% of a run without end', async (_, noise, share) => {
    const server: VirtualServer = { serviceMs: 0.25, stallMs: 5, stallEvery: 1000, noise };
    const truth = trueKnee(server, 10);
    let near = 0;
    const runs = 20;
    for (let run = 0; run < runs; run++) {
      let trials = 0;
      const result = await findKnee({ ...options, low: 200, high: 4400 }, (rate, seconds) => {
        const draw = new CounterDraw(run, 7).start(trials++);
        const passed = virtualP99(server, rate, seconds, draw) <= 10;
        return Promise.resolve({ ratePerSecond: rate, passed, seconds });
      });
      if (Math.abs((result.estimatePerSecond ?? 0) / truth - 1) <= 0.05) near += 1;
    }
    expect(near / runs).toBeGreaterThanOrEqual(share);
  });
});
