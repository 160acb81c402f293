import { divideHalfEven, formatDecimal, powerOfTen } from '../../decimal.ts';
import { exactOf, exactScale } from '../../profile/exact.ts';
import type { SourceInstrument } from '../catalog.ts';
import type { RawNumber, RawValue } from '../raw-value.ts';

export interface Fee {
  readonly asset: string;
  readonly amount: RawNumber;
}

/** The fill that a fee belongs to, in whole units. */
export interface FeePorts {
  readonly instrument: SourceInstrument;
  readonly isBuy: boolean;
  readonly price: RawValue;
  readonly qty: RawValue;
  /** The bot's own conversion into the quote asset; 0 is also written when it failed. */
  readonly inQuote: RawValue;
}

/** Money is kept with at most so many decimals. */
const moneyScale = 8;

/** What `trade_fee` says was paid; undefined when it is no JSON of that form. `unpriced`: a rate in a token without a price. */
export function feesOf(json: RawValue, ports: FeePorts): { fees: Fee[]; unpriced: boolean } | undefined {
  if (json === null) return { fees: [], unpriced: false };
  const told = parsed(json);
  if (told === undefined) return undefined;
  const fees: Fee[] = [];
  for (const flat of told.flat_fees ?? []) {
    const fee = flatFee(flat);
    if (fee === undefined) return undefined;
    fees.push(fee);
  }
  const rate = exactOf(told.percent ?? 0);
  if (rate === undefined) return undefined;
  if (rate === 0n) return { fees, unpriced: false };
  const paid = rateFee(rate, told, ports);
  return { fees: paid === undefined ? fees : [...fees, paid], unpriced: paid === undefined };
}

interface ToldFee {
  readonly fee_type?: unknown;
  readonly percent?: unknown;
  readonly percent_token?: unknown;
  readonly flat_fees?: readonly unknown[];
}

function parsed(json: RawValue): ToldFee | undefined {
  if (typeof json !== 'string') return undefined;
  try {
    const value: unknown = JSON.parse(json);
    // Written through two layers of JSON, it is a text of a text.
    const told: unknown = typeof value === 'string' ? JSON.parse(value) : value;
    if (typeof told !== 'object' || told === null || Array.isArray(told)) return undefined;
    const { flat_fees: flat } = told as ToldFee;
    return flat === undefined || flat === null || Array.isArray(flat) ? (told as ToldFee) : undefined;
  } catch {
    return undefined;
  }
}

/** `{token, amount}`, as old releases wrote it `{asset, amount}` and before that `[asset, amount]`. */
function flatFee(flat: unknown): Fee | undefined {
  const [asset, amount] = Array.isArray(flat)
    ? (flat as unknown[])
    : [
        (flat as Record<string, unknown> | null)?.token ?? (flat as Record<string, unknown> | null)?.asset,
        (flat as Record<string, unknown> | null)?.amount,
      ];
  if (typeof asset !== 'string' || (typeof amount !== 'string' && typeof amount !== 'number')) return undefined;
  return { asset, amount };
}

/** A rate is taken from the notional, or from the asset received. */
function rateFee(rate: bigint, told: ToldFee, ports: FeePorts): Fee | undefined {
  const { base, quote } = ports.instrument;
  const token = told.percent_token;
  const inBase = token === base || (isNothing(token) && told.fee_type === 'DeductedFromReturns' && ports.isBuy);
  if (inBase) return { asset: base, amount: product([rate, exactOf(ports.qty)]) };
  if (isNothing(token) || token === quote) {
    return { asset: quote, amount: product([rate, exactOf(ports.qty), exactOf(ports.price)]) };
  }
  const inQuote = ports.inQuote;
  if (inQuote === null || inQuote instanceof Uint8Array || (exactOf(inQuote) ?? 0n) === 0n) return undefined;
  return { asset: quote, amount: inQuote };
}

const isNothing = (token: unknown): boolean => token === null || token === undefined || token === '';

/** Product of integers of 10^-12, as decimal text. A part that is no number makes it 0; the fill itself is held then. */
function product(parts: readonly (bigint | undefined)[]): string {
  const exact = parts.reduce<bigint>((total, part) => total * (part ?? 0n), 1n);
  return formatDecimal(divideHalfEven(exact, powerOfTen(exactScale * parts.length - moneyScale)), moneyScale);
}
