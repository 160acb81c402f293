import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededChance } from '../../../src/core/analysis/workload/seeded-chance.ts';
import { holm, pairsNeeded, signFlipP } from '../../../src/core/statistics/sign-flip.ts';

const difference = fc.double({ min: -1, max: 1, noNaN: true });
const chance = seededChance(1);

/** The definition, written out. */
function bruteForce(values: readonly number[]): number {
  const total = (mask: number): number =>
    Math.abs(values.reduce((sum, value, index) => sum + ((mask >> index) & 1 ? -value : value), 0));
  const limit = total(0) - values.reduce((sum, value) => sum + Math.abs(value), 0) * 1e-12;
  let reached = 0;
  for (let mask = 0; mask < 2 ** values.length; mask++) if (total(mask) >= limit) reached += 1;
  return reached / 2 ** values.length;
}

/** Wilcoxon's signed-rank test, exact: the ranks of the absolute values instead of the values. */
function signedRankP(values: readonly number[]): number {
  const sorted = values.map(Math.abs).toSorted((a, b) => a - b);
  return bruteForce(values.map((value) => Math.sign(value) * (sorted.indexOf(Math.abs(value)) + 1)));
}

describe('the sign-flip test', () => {
  test('equals full enumeration', () => {
    fc.assert(
      fc.property(fc.array(difference, { minLength: 1, maxLength: 12 }), (values) => {
        expect(signFlipP(values, chance)).toBeCloseTo(bruteForce(values), 12);
      }),
      { numRuns: 60 },
    );
  });

  test('does not change when all are scaled or mirrored', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -99, max: 99 }), { minLength: 1, maxLength: 12 }), (values) => {
        const p = signFlipP(values, chance);
        expect(
          signFlipP(
            values.map((value) => value * 4),
            chance,
          ),
        ).toBe(p);
        expect(
          signFlipP(
            values.map((value) => -value),
            chance,
          ),
        ).toBe(p);
      }),
    );
  });

  test('is about uniform when nothing differs', () => {
    const random = seededChance(7);
    const ps = Array.from({ length: 2000 }, () =>
      signFlipP(
        Array.from({ length: 10 }, () => random() - 0.5),
        random,
      ),
    );
    for (const level of [0.05, 0.2, 0.5, 0.8]) {
      const share = ps.filter((p) => p <= level).length / ps.length;
      expect(Math.abs(share - level)).toBeLessThan(0.035);
    }
  });

  test('more than 20 pairs are drawn, near the exact value and never 0', () => {
    const random = seededChance(3);
    const values = Array.from({ length: 24 }, (_, index) => (index % 3 === 0 ? -0.4 : 0.5));
    expect(signFlipP(values, random)).toBeGreaterThan(0);
    expect(signFlipP(values, random)).toBeLessThan(0.2);
    expect(
      signFlipP(
        Array.from({ length: 30 }, () => 0),
        random,
      ),
    ).toBe(1);
  });

  test('decides as the signed-rank test does, but for samples at the limit', () => {
    const random = seededChance(11);
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    let [agreed, both] = [0, 0];
    for (let run = 0; run < 600; run++) {
      const values = Array.from({ length: 10 }, () => normal() + (run % 2) * 1.2);
      const [ours, ranks] = [signFlipP(values, random) < 0.05, signedRankP(values) < 0.05];
      if (ours === ranks) agreed += 1;
      if (ours && ranks) both += 1;
    }
    expect(agreed).toBeGreaterThan(600 * 0.93);
    // Both find most of what is there, and so agree about more than silence.
    expect(both).toBeGreaterThan(300 * 0.75);
  });

  test('five pairs cannot reject, six can', () => {
    expect(signFlipP([1, 1, 1, 1, 1], chance)).toBeGreaterThan(0.05);
    expect(signFlipP([1, 1, 1, 1, 1, 1], chance)).toBeLessThan(0.05);
  });
});

describe("Holm's correction", () => {
  test('equals its definition', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 }), (ps) => {
        const sorted = [...ps].sort((a, b) => a - b);
        for (const [index, p] of ps.entries()) {
          const rank = sorted.indexOf(p);
          const expected = Math.max(
            ...sorted.slice(0, rank + 1).map((one, place) => Math.min(1, one * (ps.length - place))),
          );
          expect(holm(ps)[index]).toBeGreaterThanOrEqual(expected - 1e-12);
        }
        expect(holm(ps).every((p, index) => p >= (ps[index] ?? 0) - 1e-12 && p <= 1)).toBe(true);
      }),
    );
    expect(holm([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06]);
  });

  test('the number of pairs grows with the number of tests', () => {
    expect(pairsNeeded(1, 0.05)).toBe(6);
    expect(pairsNeeded(40, 0.05)).toBe(11);
  });
});
