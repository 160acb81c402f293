import type { OrderStatus } from '../order-state.ts';
import type { Price, Quantity, Side } from '../units.ts';

export type OrderType = 'market' | 'limit' | 'stop' | 'stop_limit';
export type TimeInForce = 'GTC' | 'IOC' | 'FOK' | 'DAY' | 'GTD';

/** Money as decimal text ("12.50") or as units of the asset's scale. No floating-point number enters the store. */
export type Amount = string | bigint;

export interface NewOrder {
  readonly accountId: number;
  readonly instrumentId: number;
  /** Chosen by the caller; the same id with the same content is the same order. */
  readonly clientOrderId: string;
  readonly side: Side;
  readonly type: OrderType;
  readonly quantity: Quantity;
  readonly price?: Price;
  readonly stopPrice?: Price;
  readonly tif?: TimeInForce;
  readonly expireUs?: number;
  readonly postOnly?: boolean;
  readonly reduceOnly?: boolean;
  readonly strategyId?: number;
  readonly parentOrderId?: number;
  readonly note?: string;
  /** PENDING_NEW by default; NEW when the venue has answered already, REJECTED when an own check refused the order. */
  readonly initial?: 'PENDING_NEW' | 'NEW' | 'REJECTED';
  readonly venueOrderId?: string;
  /** Microseconds; now by default. */
  readonly createdUs?: number;
}

export interface OrderState {
  readonly orderId: number;
  readonly accountId: number;
  readonly instrumentId: number;
  readonly strategyId: number | null;
  readonly clientOrderId: string;
  readonly venueOrderId: string | null;
  readonly parentOrderId: number | null;
  readonly replacesOrderId: number | null;
  readonly side: Side;
  readonly type: OrderType;
  readonly tif: TimeInForce;
  readonly postOnly: boolean;
  readonly reduceOnly: boolean;
  readonly price: Price | null;
  readonly stopPrice: Price | null;
  readonly quantity: Quantity;
  readonly filledQuantity: number;
  /** Units of the quote asset; the average price is filledNotional / filledQuantity, never stored. */
  readonly filledNotional: number;
  readonly leavesQuantity: number;
  readonly status: OrderStatus;
  readonly isOpen: boolean;
  readonly expireUs: number | null;
  readonly createdUs: number;
  readonly updatedUs: number;
}

/** An execution as the venue reports it. */
export interface NewFill {
  readonly venueTradeId: string;
  readonly price: Price;
  readonly quantity: Quantity;
  /** Above zero paid, below zero a rebate. */
  readonly fee?: { readonly asset: string; readonly amount: Amount };
  readonly liquidity?: 'maker' | 'taker';
  /** Microseconds; now by default. */
  readonly execUs?: number;
}

export interface FillResult {
  readonly fillId: number;
  /** The trade id was known already: nothing was written. */
  readonly repeated: boolean;
  readonly order: OrderState;
  readonly notional: number;
  /** Profit that this fill realized, units of the quote asset, before fees. */
  readonly realized: number;
}

export interface Fill {
  readonly fillId: number;
  readonly orderId: number;
  readonly accountId: number;
  readonly instrumentId: number;
  readonly venueTradeId: string;
  readonly side: Side;
  readonly price: Price;
  readonly quantity: Quantity;
  readonly notional: number;
  readonly realized: number;
  readonly fee: number;
  readonly feeAssetId: number | null;
  readonly liquidity: 'maker' | 'taker' | null;
  readonly execUs: number;
  readonly isBusted: boolean;
}

export interface OrderEvent {
  readonly seq: number;
  readonly execType: string;
  readonly fromStatus: OrderStatus | null;
  readonly toStatus: OrderStatus;
  readonly cumQuantity: number;
  readonly eventUs: number;
  readonly receivedUs: number;
  readonly note: string | null;
}

export interface Position {
  readonly accountId: number;
  readonly instrumentId: number;
  readonly qty: bigint;
  readonly cost: bigint;
  readonly realized: bigint;
  readonly updatedUs: number;
}

export interface Balance {
  readonly asset: string;
  readonly scale: number;
  readonly amount: bigint;
  readonly held: bigint;
  readonly available: bigint;
}

export interface DailyProfit {
  readonly day: string;
  readonly accountId: number;
  readonly assetId: number;
  readonly realized: bigint;
  readonly fees: bigint;
  readonly funding: bigint;
  readonly net: bigint;
}

export interface Transfer {
  readonly accountId: number;
  readonly asset: string;
  /** Above zero. */
  readonly amount: Amount;
  readonly atUs?: number;
  readonly note?: string;
}

export interface FundingPayment {
  readonly accountId: number;
  readonly instrumentId: number;
  readonly dueUs: number;
  /** Funding rate times 10^9. */
  readonly rateE9?: number;
  /** Above zero received. */
  readonly amount: Amount;
  /** The quote asset by default. */
  readonly asset?: string;
}

interface CorporateEventBase {
  readonly instrumentId: number;
  /** First moment without the old right, in microseconds. */
  readonly exUs: number;
  readonly note?: string;
}

export type CorporateEvent =
  | (CorporateEventBase & {
      readonly kind: 'split';
      /** 2 and 1: two new units for each old one. */
      readonly newUnits: number;
      readonly oldUnits: number;
    })
  | (CorporateEventBase & {
      readonly kind: 'dividend';
      /** Per whole unit of the instrument; who is short pays it. */
      readonly amount: Amount;
      readonly asset: string;
    })
  | (CorporateEventBase & { readonly kind: 'delisting' });

export interface Cursor {
  readonly createdUs: number;
  readonly orderId: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Where the next page starts; absent on the last one. */
  readonly next?: Cursor;
}

/** What listeners get after the commit that made it true. */
export interface StoreEvent {
  readonly kind: 'order' | 'fill' | 'bust' | 'transfer' | 'funding' | 'corporate';
  readonly action: string;
  /** 0 for what concerns an instrument in every account. */
  readonly accountId: number;
  readonly instrumentId?: number;
  readonly orderId?: number;
  readonly fillId?: number;
  readonly status?: OrderStatus;
  readonly atUs: number;
  /** Number of the audit row; absent when the audit log is off. */
  readonly auditSeq?: number;
}
