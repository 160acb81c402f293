import type { SeededRandom } from './seeded-random.ts';

export type FlowName = 'oms' | 'mm';

/** How orders end, and how fast. Anchored to published ratios; the split is a choice of this project. */
export interface Flow {
  readonly name: FlowName;
  /** Shares of all orders; the rest is cancelled. */
  readonly filled: number;
  readonly partlyFilled: number;
  readonly replaced: number;
  readonly rejected: number;
  readonly expired: number;
  /** Median life of an order that is cancelled. */
  readonly cancelAfterUs: number;
}

export const flows: Readonly<Record<FlowName, Flow>> = {
  // 4.8 cancels a fill.
  oms: {
    name: 'oms',
    filled: 0.11,
    partlyFilled: 0.02,
    replaced: 0.09,
    rejected: 0.007,
    expired: 0.03,
    cancelAfterUs: 2_000_000,
  },
  // 3.3 in a hundred orders trade, 29 cancels a fill.
  mm: {
    name: 'mm',
    filled: 0.028,
    partlyFilled: 0.005,
    replaced: 0,
    rejected: 0.003,
    expired: 0.01,
    cancelAfterUs: 500_000,
  },
};

export type Outcome = 'filled' | 'partly' | 'replaced' | 'rejected' | 'expired' | 'cancelled';

export function drawOutcome(flow: Flow, random: SeededRandom): Outcome {
  let left = random.uniform();
  const shares: readonly [Outcome, number][] = [
    ['filled', flow.filled],
    ['partly', flow.partlyFilled],
    ['replaced', flow.replaced],
    ['rejected', flow.rejected],
    ['expired', flow.expired],
  ];
  for (const [outcome, share] of shares) {
    left -= share;
    if (left < 0) return outcome;
  }
  return 'cancelled';
}

/** Time from the acknowledgement to what ends the order: log-normal for cancels, exponential for fills. */
export function drawLifeUs(outcome: Outcome, flow: Flow, random: SeededRandom): number {
  const isTrade = outcome === 'filled' || outcome === 'partly';
  const life = isTrade ? 5_000_000 * random.exponential() : flow.cancelAfterUs * Math.exp(1.2 * random.normal());
  return 1000 + Math.round(life);
}

/** Arrivals that come together: peaks live inside the second. */
const burstShare = 0.03;
const burstSize = 12;

/**
 * Times of `count` orders within a session, in order, without keeping them: busier towards open and close, a third of
 * them in bursts.
 */
export function* arrivals(count: number, openUs: number, closeUs: number, random: SeededRandom): Generator<number> {
  const lengthUs = closeUs - openUs - 60_000_000;
  let position = 0;
  let lastUs = openUs;
  let inBurst = 0;
  for (let left = count; left > 0; left--) {
    // The smallest of `left` uniform draws above `position`: sorted draws one at a time.
    position = 1 - (1 - position) * random.uniform() ** (1 / left);
    const share = position - (0.6 * Math.sin(2 * Math.PI * position)) / (2 * Math.PI);
    let atUs = openUs + 1_000_000 + Math.floor(share * lengthUs);
    if (inBurst > 0) {
      inBurst -= 1;
      atUs = lastUs + 1 + Math.floor(200 * random.exponential());
    } else if (random.uniform() < burstShare) {
      inBurst = 1 + random.integer(2 * burstSize);
    }
    lastUs = Math.min(closeUs - 1_000_000, Math.max(lastUs + 1, atUs));
    yield lastUs;
  }
}
