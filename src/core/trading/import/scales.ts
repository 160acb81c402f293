import type { InstrumentFacts } from './facts.ts';
import type { SizeCounts } from './size-counts.ts';

/** Scales for what the target does not know yet. */

/** 2^53-1 has 16 digits, the first of them a 9: 15 fit always. */
const safeDigits = 15;
/** A price may still grow tenfold, an amount of money a thousandfold. */
const priceRoom = 1;
const moneyRoom = 3;
const mostMoneyDecimals = 8;
const mostInstrumentDecimals = 12;
/** A value this many digits longer than the usual one is a mistake of the source, and does not choose the scale of the others. */
const strayDigits = 6;

export interface InstrumentScales {
  readonly priceScale: number;
  readonly qtyScale: number;
  /** For people: where the scales come from. */
  readonly evidence: string;
}

/** As many decimals as the values need. Where not all fit into 2^53, as many values as possible do; the others are held. */
export function instrumentScales({ price, quantity }: InstrumentFacts): InstrumentScales {
  if (price.values + quantity.values === 0) {
    return { priceScale: 8, qtyScale: 8, evidence: 'no value was seen: 8 decimals' };
  }
  const priceScale = bestScale(price);
  const qtyScale = bestScale(quantity);
  const left = unfit(price, priceScale) + unfit(quantity, qtyScale);
  const largest = `largest price ${price.largest}, quantity ${quantity.largest}`;
  return {
    priceScale,
    qtyScale,
    evidence: `${price.values + quantity.values} values; ${largest}${left === 0 ? '' : `; ${left} values do not fit`}`,
  };
}

/** The smallest scale at which most values fit. */
function bestScale(counts: SizeCounts): number {
  let best = 0;
  for (let scale = 1; scale <= mostInstrumentDecimals; scale += 1) {
    if (unfit(counts, scale) < unfit(counts, best)) best = scale;
  }
  return best;
}

const unfit = (counts: SizeCounts, scale: number): number =>
  counts.finerThan(scale) + counts.longerThan(safeDigits - priceRoom - scale);

/** The largest scale up to 8 at which a thousand times the largest amount stays below 2^53; 8 when none was seen. */
export function assetScale(counts: SizeCounts | undefined): number {
  if (counts === undefined) return mostMoneyDecimals;
  const most = counts.usualDigits + strayDigits;
  let digits = most;
  while (digits > 0 && counts.longerThan(digits - 1) === counts.longerThan(most)) digits -= 1;
  return Math.max(0, Math.min(mostMoneyDecimals, safeDigits - moneyRoom - digits));
}
