import type { Configuration } from '../cost/studied-query.ts';
import { freeBytes } from './step-judge.ts';
import { type Trials, withoutAdded } from './trials.ts';

/** What may go, the least missed for its size first, as the planner expects it. */
export function byExpectedLoss(
  configuration: Configuration,
  kept: readonly string[],
  trials: Trials,
): { name: string; loss: number }[] {
  const scale = scaleOf(configuration, trials);
  const now = trials.expectedCost(configuration);
  return configuration.added
    .filter((name) => !kept.includes(name))
    .map((name) => {
      const missed = trials.expectedCost(withoutAdded(configuration, name)) - now;
      return { name, loss: missed > 0 ? missed / scale(name) : missed };
    })
    .sort((a, b) => a.loss - b.loss);
}

/** Losses count by the size of an index where room is what is lacking. */
export function scaleOf({ added }: Configuration, { parts }: Trials): (name: string) => number {
  const { limits, meter } = parts;
  const tight = meter.bytesOf(added) > limits.sizeBudgetBytes;
  return (name) => (tight ? Math.sqrt(Math.max(freeBytes, meter.bytesOf([name]))) : 1);
}

/** Makes room without measuring anything: what is expected to be missed least goes, but nothing of `kept`. */
export function fitByExpectation(start: Configuration, kept: readonly string[], trials: Trials): Configuration {
  let configuration = start;
  while (!trials.fits(configuration)) {
    const [least] = byExpectedLoss(configuration, kept, trials);
    if (least === undefined) break;
    configuration = withoutAdded(configuration, least.name);
  }
  return configuration;
}
