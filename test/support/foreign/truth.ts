/** What a builder knows about the source it wrote, so that a test can compare without asking the importer. */

/** The closed list of reasons for which a unit is held in quarantine. */
export type HeldReason =
  | 'bad_number'
  | 'precision_exceeds_scale'
  | 'value_out_of_range'
  | 'qty_zero'
  | 'price_missing'
  | 'price_not_positive'
  | 'bad_time'
  | 'time_out_of_range'
  | 'bad_json'
  | 'bad_text'
  | 'orphan'
  | 'parent_held'
  | 'wrong_parent'
  | 'duplicate_conflict'
  | 'overfilled'
  | 'rejected_with_fill'
  | 'status_unknown'
  | 'side_unknown'
  | 'inverse_contract'
  | 'not_an_order'
  | 'ohlc_broken'
  | 'unknown_interval';

export interface Held {
  readonly table: string;
  /** The key of the row in the source, as text. */
  readonly key: string;
  readonly reason: HeldReason;
}

/** Amounts are integers at scale 8, except where the name says otherwise. */
export class Truth {
  readonly counts = new Map<string, number>();
  readonly bought = new Map<string, bigint>();
  readonly sold = new Map<string, bigint>();
  /** Money moved, price x quantity, at scale 16. */
  readonly notional16 = new Map<string, bigint>();
  /** By asset, at scale 20: rates x notional are not rounded here. */
  readonly fees20 = new Map<string, bigint>();
  readonly funding = new Map<string, bigint>();
  readonly statuses = new Map<string, number>();
  readonly held: Held[] = [];

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  status(status: string): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }

  trade(symbol: string, side: 1 | -1, price8: bigint, qty8: bigint): void {
    add(side === 1 ? this.bought : this.sold, symbol, qty8);
    add(this.notional16, symbol, price8 * qty8);
  }

  fee(asset: string, amount20: bigint): void {
    if (amount20 !== 0n) add(this.fees20, asset, amount20);
  }

  fund(asset: string, amount8: bigint): void {
    add(this.funding, asset, amount8);
  }

  hold(table: string, key: string | number, reason: HeldReason): void {
    this.held.push({ table, key: String(key), reason });
  }
}

function add(sums: Map<string, bigint>, key: string, amount: bigint): void {
  sums.set(key, (sums.get(key) ?? 0n) + amount);
}

/** The number that a program reading decimal text would hold. */
export function floatOf(value: bigint, scale: number): number {
  return Number(textOf(value, scale));
}

export function textOf(value: bigint, scale: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return value < 0n ? `-${text}` : text;
}

/** A pair with the decimals its venue works with. */
export interface ForeignPair {
  readonly base: string;
  readonly quote: string;
  readonly priceDecimals: number;
  readonly qtyDecimals: number;
  /** A usual price, in units of 10^-priceDecimals. */
  readonly price: number;
  /** A usual quantity, in units of 10^-qtyDecimals. */
  readonly qty: number;
}

/** Prices of five and more digits, of fractions of a cent, and a quote that is no dollar. */
export const pairs: readonly ForeignPair[] = [
  { base: 'BTC', quote: 'USDT', priceDecimals: 2, qtyDecimals: 5, price: 6_412_345, qty: 1250 },
  { base: 'ETH', quote: 'USDT', priceDecimals: 2, qtyDecimals: 4, price: 341_299, qty: 4310 },
  { base: 'ETH', quote: 'BTC', priceDecimals: 6, qtyDecimals: 3, price: 53_217, qty: 700 },
  { base: 'XRP', quote: 'USDT', priceDecimals: 4, qtyDecimals: 1, price: 5231, qty: 9000 },
  { base: 'SHIB', quote: 'USDT', priceDecimals: 8, qtyDecimals: 0, price: 2345, qty: 4_000_000 },
];

export const atScale8 = (units: number, decimals: number): bigint => BigInt(units) * 10n ** BigInt(8 - decimals);
