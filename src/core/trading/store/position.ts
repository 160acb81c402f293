import { absolute, divideHalfEven } from '../decimal.ts';
import type { Sign } from '../units.ts';

/** Signed quantity, signed cost of what is open (average cost), and realized profit before fees, in integer units. */
export interface PositionUnits {
  readonly qty: bigint;
  readonly cost: bigint;
  readonly realized: bigint;
}

export const flat: PositionUnits = { qty: 0n, cost: 0n, realized: 0n };

/**
 * The position after a fill, and what the fill realized. The part that goes against the position closes at average
 * cost; all of the cost goes when the position closes wholly, so that no rounding stays behind. A flip through zero is
 * one fill of two parts. Always: cost - realized grows by side * notional.
 */
export function applyFill(
  position: PositionUnits,
  fill: { readonly side: Sign; readonly qty: number; readonly notional: number },
): { readonly position: PositionUnits; readonly realized: bigint } {
  const side = BigInt(fill.side);
  const qty = BigInt(fill.qty);
  const notional = BigInt(fill.notional);
  const held = absolute(position.qty);
  const against = position.qty !== 0n && position.qty > 0n !== side > 0n;
  const closing = against ? (qty < held ? qty : held) : 0n;
  const closingNotional = closing === qty ? notional : divideHalfEven(notional * closing, qty);
  const removed =
    closing === 0n ? 0n : closing === held ? position.cost : divideHalfEven(position.cost * closing, held);
  const realized = closing === 0n ? 0n : -side * closingNotional - removed;
  return {
    realized,
    position: {
      qty: position.qty + side * qty,
      cost: position.cost - removed + side * (notional - closingNotional),
      realized: position.realized + realized,
    },
  };
}
