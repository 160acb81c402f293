import type { InstrumentData } from '../instrument.ts';
import { isOpen, type OrderStatus } from '../order-state.ts';
import { baseUnitsOf, notionalOf } from '../units.ts';

/** Fees for which a buy order keeps money back besides its price, in hundredths of a percent. */
export const feeReserveBasisPoints = 25n;

export interface Hold {
  readonly assetId: number;
  readonly amount: bigint;
}

/**
 * What an order keeps back: a buy its open part at its price plus a reserve for fees, a sale its open part. Nothing on
 * margin (the venue's own rules decide there), for sold options, and for market orders without a price.
 */
export function holdOf(
  order: {
    readonly side: number;
    readonly price: number | null;
    readonly stop_price: number | null;
    readonly qty: number;
    readonly filled_qty: number;
    readonly status: OrderStatus;
  },
  instrument: InstrumentData,
): Hold | undefined {
  const leaves = order.qty - order.filled_qty;
  if (!isOpen(order.status) || leaves === 0 || instrument.settlement === 'margin') return undefined;
  if (order.side < 0) {
    if (instrument.settlement === 'premium') return undefined;
    return { assetId: instrument.baseAssetId, amount: baseUnitsOf(leaves, instrument) };
  }
  const price = order.price ?? order.stop_price;
  if (price === null) return undefined;
  const notional = BigInt(notionalOf(price, leaves, instrument));
  return { assetId: instrument.quoteAssetId, amount: notional + (notional * feeReserveBasisPoints + 9999n) / 10_000n };
}
