import type { Draw } from './draw.ts';

/** How keys of a table are chosen. All give whole numbers from `low` to `high`, both included. */
export type KeyDistribution =
  | { readonly kind: 'uniform'; readonly low: number; readonly high: number }
  /** `low` is the most frequent key. */
  | { readonly kind: 'zipf'; readonly low: number; readonly high: number; readonly theta: number }
  /** The first `hotShare` of the keys get `hotWork` of the accesses. */
  | {
      readonly kind: 'hotset';
      readonly low: number;
      readonly high: number;
      readonly hotShare: number;
      readonly hotWork: number;
    }
  /** `high`, the newest, is the most frequent key. */
  | { readonly kind: 'latest'; readonly low: number; readonly high: number; readonly theta: number };

export function drawKey(distribution: KeyDistribution, draw: Draw): number {
  const { low, high } = distribution;
  const count = high - low + 1;
  switch (distribution.kind) {
    case 'uniform':
      return low + draw.integer(count);
    case 'zipf':
      return low + draw.zipf(count, distribution.theta) - 1;
    case 'latest':
      return high - draw.zipf(count, distribution.theta) + 1;
    case 'hotset': {
      const hot = Math.min(count, Math.max(1, Math.round(count * distribution.hotShare)));
      if (hot === count || draw.uniform() < distribution.hotWork) return low + draw.integer(hot);
      return low + hot + draw.integer(count - hot);
    }
  }
}
