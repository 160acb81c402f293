import { isOpen, type OrderStatus } from '../order-state.ts';
import { type Price, type Quantity, type Sign, sideOf } from '../units.ts';
import type { OrderState, OrderType, TimeInForce } from './types.ts';

/** An order as the table holds it. */
export interface OrderRow {
  readonly order_id: number;
  readonly account_id: number;
  readonly instrument_id: number;
  readonly strategy_id: number | null;
  readonly client_order_id: string;
  readonly venue_order_id: string | null;
  readonly parent_order_id: number | null;
  readonly replaces_order_id: number | null;
  readonly side: Sign;
  readonly type: OrderType;
  readonly tif: TimeInForce;
  readonly post_only: number;
  readonly reduce_only: number;
  readonly price: number | null;
  readonly stop_price: number | null;
  readonly qty: number;
  readonly filled_qty: number;
  readonly filled_notional: number;
  readonly status: OrderStatus;
  readonly expire_us: number | null;
  readonly created_us: number;
  readonly updated_us: number;
}

export const orderColumns = `order_id, account_id, instrument_id, strategy_id, client_order_id, venue_order_id,
  parent_order_id, replaces_order_id, side, type, tif, post_only, reduce_only, price, stop_price, qty, filled_qty,
  filled_notional, status, expire_us, created_us, updated_us`;

export function orderState(row: OrderRow): OrderState {
  return {
    orderId: row.order_id,
    accountId: row.account_id,
    instrumentId: row.instrument_id,
    strategyId: row.strategy_id,
    clientOrderId: row.client_order_id,
    venueOrderId: row.venue_order_id,
    parentOrderId: row.parent_order_id,
    replacesOrderId: row.replaces_order_id,
    side: sideOf(row.side),
    type: row.type,
    tif: row.tif,
    postOnly: row.post_only === 1,
    reduceOnly: row.reduce_only === 1,
    price: row.price as Price | null,
    stopPrice: row.stop_price as Price | null,
    quantity: row.qty as Quantity,
    filledQuantity: row.filled_qty,
    filledNotional: row.filled_notional,
    leavesQuantity: isOpen(row.status) ? row.qty - row.filled_qty : 0,
    status: row.status,
    isOpen: isOpen(row.status),
    expireUs: row.expire_us,
    createdUs: row.created_us,
    updatedUs: row.updated_us,
  };
}
