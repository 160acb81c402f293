import { standardDeviation } from './percentile.ts';

/** Sum of the normal quantiles for 5 % two-sided and 80 % power: 1.96 + 0.84. */
const quantiles = 2.8;

/**
 * The smallest relative change that these log ratios could have shown: found in 80 % of such runs at a level of 5 %. 0.05
 * stands for 5 %.
 */
export function resolution(logRatios: readonly number[]): number {
  if (logRatios.length < 2) return Number.POSITIVE_INFINITY;
  return Math.exp((quantiles * standardDeviation(logRatios)) / Math.sqrt(logRatios.length)) - 1;
}
