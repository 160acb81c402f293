import type { RateStage } from './arrival/arrival-rate.ts';
import { firstRate, type LoadShape } from './plan.ts';

/** The warm-up of an open loop: a straight line from nothing to the rate at which the measured phase begins. */
export function firstStage(load: LoadShape, warmupMs: number): RateStage {
  const rate = firstRate(load) ?? 1;
  return { durationMs: warmupMs, from: 0, to: rate };
}
