import { bootstrapInterval } from './bootstrap.ts';
import { median } from './percentile.ts';
import { resolution } from './resolution.ts';
import { holm, signFlipP } from './sign-flip.ts';

/** `unresolved` is no pass: the measurement could not tell. */
export type Verdict = 'regression' | 'improvement' | 'no-change' | 'unresolved';

/** The measurements of one metric, pair by pair. */
export interface PairedSeries {
  readonly name: string;
  /** B / A of each pair; above 1 means that B took more. */
  readonly ratios: readonly number[];
  /** True for throughput and the like, where more is better. */
  readonly higherIsBetter?: boolean;
}

export interface PairedOptions {
  readonly alpha: number;
  /** Smallest relative change that counts. */
  readonly floor: number;
  /** Relative change that must be visible before "no change" is said. */
  readonly detect: number;
  /** Uniform in [0, 1), seeded. */
  readonly chance: () => number;
}

export interface PairedResult {
  readonly name: string;
  readonly pairs: number;
  /** B / A. */
  readonly medianRatio: number;
  /** Relative change of the median, 95 %; for display. */
  readonly interval: { readonly low: number; readonly high: number };
  readonly p: number;
  /** After Holm's correction over all series of the call. */
  readonly pCorrected: number;
  readonly resolution: number;
  readonly verdict: Verdict;
}

/** Judges all series of one comparison together, because the correction counts them. */
export function judgePairs(series: readonly PairedSeries[], options: PairedOptions): PairedResult[] {
  const logs = series.map((one) => one.ratios.map(Math.log));
  const ps = logs.map((log) => signFlipP(log, options.chance));
  const corrected = holm(ps);
  return series.map((one, index) => {
    const log = logs[index] ?? [];
    const pCorrected = corrected[index] ?? 1;
    const medianRatio = Math.exp(median(log));
    const { low, high } = bootstrapInterval(log, options.chance);
    const resolved = resolution(log);
    return {
      name: one.name,
      pairs: log.length,
      medianRatio,
      interval: { low: Math.exp(low) - 1, high: Math.exp(high) - 1 },
      p: ps[index] ?? 1,
      pCorrected,
      resolution: resolved,
      verdict: verdictOf({ medianRatio, pCorrected, resolved, worse: one.higherIsBetter === true ? -1 : 1 }, options),
    };
  });
}

function verdictOf(
  found: { medianRatio: number; pCorrected: number; resolved: number; worse: 1 | -1 },
  options: PairedOptions,
): Verdict {
  const effect = found.medianRatio - 1;
  if (found.pCorrected < options.alpha && Math.abs(effect) >= options.floor) {
    return Math.sign(effect) === found.worse ? 'regression' : 'improvement';
  }
  return found.resolved <= options.detect ? 'no-change' : 'unresolved';
}

/** The verdict of a whole comparison: a regression outweighs everything, then what could not be told. */
export function overallVerdict(verdicts: readonly Verdict[]): Verdict {
  for (const verdict of ['regression', 'unresolved', 'improvement'] as const) {
    if (verdicts.includes(verdict)) return verdict;
  }
  return 'no-change';
}
