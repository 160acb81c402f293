import { divideHalfEven, powerOfTen, rescale, safeInteger } from './decimal.ts';

/** A price in units of 10^-priceScale of its instrument. */
export type Price = number & { readonly unit: 'price' };
/** A quantity in units of 10^-qtyScale of its instrument. */
export type Quantity = number & { readonly unit: 'quantity' };

export type Side = 'buy' | 'sell';
export type Sign = 1 | -1;

export const signOf = (side: Side): Sign => (side === 'buy' ? 1 : -1);
export const sideOf = (sign: number): Side => (sign > 0 ? 'buy' : 'sell');

/** The scales that turn price x quantity into money. */
export interface Scales {
  readonly priceScale: number;
  readonly qtyScale: number;
  readonly contractSize: number;
  readonly contractScale: number;
  readonly quoteScale: number;
  readonly baseScale: number;
}

/** price x quantity x contract size in units of the quote asset, half-even. Throws beyond 2^53-1. */
export function notionalOf(price: number, qty: number, scales: Scales): number {
  const shift = scales.priceScale + scales.qtyScale + scales.contractScale - scales.quoteScale;
  const product = price * qty * scales.contractSize;
  // Doubles are exact here, so the common case needs no BigInt.
  if (product <= Number.MAX_SAFE_INTEGER && shift >= 0 && shift <= 15) return divideSmall(product, 10 ** shift);
  const exact = BigInt(price) * BigInt(qty) * BigInt(scales.contractSize);
  const units = shift >= 0 ? divideHalfEven(exact, powerOfTen(shift)) : exact * powerOfTen(-shift);
  return safeInteger(units, 'notional');
}

/** Half-even quotient of non-negative safe integers. */
function divideSmall(product: number, divisor: number): number {
  const rest = product % divisor;
  const quotient = (product - rest) / divisor;
  const twice = rest * 2;
  if (twice < divisor || (twice === divisor && quotient % 2 === 0)) return quotient;
  return quotient + 1;
}

/** A quantity in units of the base asset, half-even. */
export function baseUnitsOf(qty: number, scales: Scales): bigint {
  return rescale(BigInt(qty) * BigInt(scales.contractSize), scales.qtyScale + scales.contractScale, scales.baseScale);
}
