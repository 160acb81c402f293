import { median, percentile } from './percentile.ts';

const draws = 2000;

/**
 * Percentile bootstrap interval of the median. For display: it has more false alarms than the sign-flip test, which
 * decides. `chance` is uniform in [0, 1).
 */
export function bootstrapInterval(
  values: readonly number[],
  chance: () => number,
  level = 0.95,
): { readonly low: number; readonly high: number } {
  const medians: number[] = [];
  const resample = new Array<number>(values.length);
  for (let draw = 0; draw < draws; draw++) {
    for (let index = 0; index < values.length; index++) {
      resample[index] = values[Math.floor(chance() * values.length)] ?? 0;
    }
    medians.push(median(resample));
  }
  medians.sort((a, b) => a - b);
  return { low: percentile(medians, (1 - level) / 2), high: percentile(medians, (1 + level) / 2) };
}
