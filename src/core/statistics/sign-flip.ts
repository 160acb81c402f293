/**
 * Paired sign-flip permutation test. When A and B do not differ, each difference could as well have the other sign: p is
 * the share of all sign assignments whose mean lies at least as far from zero as the observed one.
 */

/** Up to this many pairs all assignments are counted: 2^20 take milliseconds by Gray code. */
const exactPairs = 20;
const draws = 10_000;

/** With fewer pairs p cannot fall below 0.05, whatever was observed. */
export const fewestPairs = 6;

/** Two-sided p of the differences of pairs; `chance` (uniform in [0, 1)) is used for more than 20 pairs alone. */
export function signFlipP(differences: readonly number[], chance: () => number): number {
  if (differences.length === 0) return 1;
  const observed = Math.abs(differences.reduce((sum, value) => sum + value, 0));
  const scale = differences.reduce((sum, value) => sum + Math.abs(value), 0);
  // Sums of the same numbers in another order differ by rounding.
  const limit = observed - scale * 1e-12;
  return differences.length <= exactPairs ? exactP(differences, limit) : drawnP(differences, limit, chance);
}

function exactP(differences: readonly number[], limit: number): number {
  const values = Float64Array.from(differences);
  const signs = new Int8Array(values.length).fill(1);
  let sum = values.reduce((total, value) => total + value, 0);
  // The first sign stays: flipping all of them only mirrors the sum.
  const assignments = 2 ** (values.length - 1);
  let reached = Math.abs(sum) >= limit ? 1 : 0;
  for (let step = 1; step < assignments; step++) {
    // The Gray code changes one sign per step: the one at the number of trailing zeros.
    const flipped = 1 + (31 - Math.clz32(step & -step));
    const sign = signs[flipped] ?? 1;
    sum -= 2 * sign * (values[flipped] ?? 0);
    signs[flipped] = -sign;
    if (Math.abs(sum) >= limit) reached += 1;
  }
  return reached / assignments;
}

function drawnP(differences: readonly number[], limit: number, chance: () => number): number {
  let reached = 0;
  for (let draw = 0; draw < draws; draw++) {
    let sum = 0;
    for (const value of differences) sum += chance() < 0.5 ? value : -value;
    if (Math.abs(sum) >= limit) reached += 1;
  }
  // The observed assignment counts as one, so that p is never 0.
  return (reached + 1) / (draws + 1);
}

/** Holm's step-down correction, in the order of the input. */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p);
  const corrected = new Array<number>(ps.length).fill(1);
  let largest = 0;
  for (const [rank, { p, index }] of order.entries()) {
    largest = Math.max(largest, Math.min(1, p * (ps.length - rank)));
    corrected[index] = largest;
  }
  return corrected;
}

/** Pairs from which the smallest possible p survives Holm's correction over this many tests. */
export function pairsNeeded(tests: number, alpha: number): number {
  return Math.max(fewestPairs, Math.ceil(1 + Math.log2(tests / alpha)));
}
