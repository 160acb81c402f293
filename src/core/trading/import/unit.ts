import type { ExecType, OrderStatus } from '../order-state.ts';
import type { OrderType, TimeInForce } from '../store/types.ts';
import type { Sign } from '../units.ts';
import type { SourceAccount, SourceInstrument, SourceStrategy } from './catalog.ts';
import type { RawNumber, RawValue } from './raw-value.ts';
import type { Reason } from './reason.ts';

/**
 * What a reader makes of one row of its source. A unit is the smallest set of rows that keeps the target consistent; it
 * enters whole or is held whole. Times are UTC microseconds. The object that `map` returns is read before the next call,
 * so a reader of candles or ticks returns one object again and again.
 */

/** A row of another table that belongs to the unit: it is hashed, and kept in quarantine, with the main row. */
export interface RelatedRow {
  readonly table: string;
  readonly columns: readonly string[];
  readonly row: readonly RawValue[];
}

export interface OrderUnit {
  readonly kind: 'order';
  /** Canonical text of the source's key. */
  readonly externalId: string;
  readonly account: SourceAccount;
  readonly instrument: SourceInstrument;
  readonly strategy: SourceStrategy | undefined;
  readonly clientOrderId: string;
  readonly venueOrderId: string | null;
  /** External id of the order that this one belongs to; it must come earlier in the stream. */
  readonly parent: string | undefined;
  readonly side: Sign;
  readonly type: OrderType;
  readonly tif: TimeInForce;
  readonly postOnly: boolean;
  readonly reduceOnly: boolean;
  readonly price: RawValue;
  readonly stopPrice: RawValue;
  readonly qty: RawValue;
  readonly status: OrderStatus;
  readonly createdUs: number;
  readonly updatedUs: number;
  /** In order of time. Their quantities decide how much is filled. */
  readonly fills: readonly FillPart[];
  /**
   * What the source kept of the order's life, in order. Undefined: the frame writes NEW, one TRADE for each fill and the
   * final state, all as ORDER_STATUS. A life that is not legal is replaced by the same, and counted.
   */
  readonly events: readonly EventPart[] | undefined;
  /** Of the last event. */
  readonly note: string | null;
  /** Columns without a place; undefined when there are none. */
  readonly attributes: Attributes | undefined;
  readonly related: readonly RelatedRow[] | undefined;
}

export interface FillPart {
  readonly externalId: string;
  readonly venueTradeId: string;
  readonly price: RawValue;
  readonly qty: RawValue;
  /** The source's own figure; taken when it agrees with price x quantity within half a price unit. */
  readonly notional: RawValue | undefined;
  /** In whole units of each asset, above zero paid. The first goes into the fill, others become further postings. */
  readonly fees: readonly { readonly asset: string; readonly amount: RawNumber }[];
  readonly liquidity: 'M' | 'T' | null;
  readonly execUs: number;
  /** Built from order totals: the price is an average, which is rounded and does not choose a scale. */
  readonly synthetic: boolean;
}

export interface EventPart {
  readonly exec: ExecType;
  readonly to: OrderStatus;
  readonly eventUs: number;
  readonly recvUs: number;
  /** Index into `fills` of the execution that this event tells. */
  readonly fill: number | undefined;
  readonly note: string | null;
}

export interface FundingUnit {
  readonly kind: 'funding';
  readonly externalId: string;
  readonly account: SourceAccount;
  readonly instrument: SourceInstrument;
  readonly dueUs: number;
  readonly rate: RawValue;
  /** Above zero received, in the quote asset. */
  readonly amount: RawValue;
  readonly related: readonly RelatedRow[] | undefined;
}

export interface LockUnit {
  readonly kind: 'lock';
  readonly externalId: string;
  readonly account: SourceAccount;
  /** Undefined: every instrument. */
  readonly instrument: SourceInstrument | undefined;
  readonly side: Sign | null;
  readonly reason: string | null;
  readonly fromUs: number;
  readonly untilUs: number;
  readonly isActive: boolean;
}

export interface StateUnit {
  readonly kind: 'state';
  readonly externalId: string;
  readonly scope: string;
  readonly scopeId: string;
  readonly key: string;
  /** JSON text. */
  readonly value: string;
  readonly updatedUs: number;
}

/** A row that has no place of its own, such as a trade that binds orders: kept as attributes, and as a reference. */
export interface AttributesUnit {
  readonly kind: 'attributes';
  readonly entity: string;
  readonly externalId: string;
  readonly attributes: Attributes;
  /** External id of the order that stands for it. */
  readonly order: string | undefined;
}

/** JSON values by column; a 64-bit integer beyond 2^53 as text. */
export type Attributes = Readonly<Record<string, unknown>>;

export interface CandleUnit {
  kind: 'candle';
  instrument: SourceInstrument;
  intervalS: number;
  openUs: number;
  open: RawValue;
  high: RawValue;
  low: RawValue;
  close: RawValue;
  volume: RawValue;
  trades: RawValue;
  quoteVolume: RawValue;
  openInterest: RawValue;
  attributes?: Attributes | undefined;
}

/** A tick, a quote with its deeper levels, or both, as one row of the source gave them. */
export interface MarketUnit {
  kind: 'market';
  instrument: SourceInstrument;
  tsUs: number;
  seq: number;
  tick: { price: RawValue; qty: RawValue; takerSide: Sign | null; venueTradeId: string | null } | undefined;
  quote: { bidPx: RawValue; bidQty: RawValue; askPx: RawValue; askQty: RawValue } | undefined;
  /** Level 2 and deeper; a null is an empty side. */
  levels: readonly MarketLevel[];
  attributes?: Attributes | undefined;
}

export interface MarketLevel {
  readonly level: number;
  readonly bidPx: RawValue;
  readonly bidQty: RawValue;
  readonly askPx: RawValue;
  readonly askQty: RawValue;
}

export type Unit = OrderUnit | FundingUnit | LockUnit | StateUnit | AttributesUnit | CandleUnit | MarketUnit;

/** A row that enters as part of a unit of another stream: a fill whose order is there. It shares that unit's fate. */
export interface Part {
  readonly kind: 'part';
  /** What the row became, as the other stream's unit names it. */
  readonly entity: 'order' | 'fill';
  readonly externalId: string;
}

/** A row that stays out, with the reason. */
export interface Held {
  readonly kind: 'held';
  readonly externalId: string;
  readonly reason: Reason;
  readonly detail: string | null;
  readonly related?: readonly RelatedRow[] | undefined;
}

/** A row that says nothing, such as a tick without a trade; it counts as a skipped duplicate. */
export interface Nothing {
  readonly kind: 'nothing';
}

export type Mapped = Unit | Part | Held | Nothing;

export function held(
  externalId: string,
  reason: Reason,
  detail: string | null = null,
  related?: readonly RelatedRow[],
): Held {
  return { kind: 'held', externalId, reason, detail, related };
}
