import { TradedbError } from '../../error.ts';
import type { Instrument } from '../instrument.ts';
import { notionalOf, signOf } from '../units.ts';
import { holdOf } from './hold.ts';
import { moveHold } from './ledger.ts';
import { type OrderRow, orderColumns, orderState } from './order-row.ts';
import type { StoreSession } from './session.ts';
import { writeEvent } from './transition.ts';
import type { NewOrder, OrderState } from './types.ts';

export function orderByClientId(session: StoreSession, accountId: number, clientOrderId: string): OrderRow | undefined {
  return session.connection.get<OrderRow>(
    `SELECT ${orderColumns} FROM orders WHERE account_id = ? AND client_order_id = ?`,
    [accountId, clientOrderId],
  );
}

/** Stores a new order. The same client id with the same content gives the stored order, with other content an error. */
export function place(session: StoreSession, order: NewOrder): OrderState {
  return session.write(() => {
    const known = orderByClientId(session, order.accountId, order.clientOrderId);
    if (known !== undefined) return orderState(requireSame(known, order));
    const instrument = session.instrument(order.instrumentId);
    requirePlaceable(session, order, instrument);
    return orderState(insertOrder(session, order, instrument, null));
  });
}

function requireSame(known: OrderRow, order: NewOrder): OrderRow {
  const pairs: readonly (readonly [name: string, stored: unknown, given: unknown])[] = [
    ['instrumentId', known.instrument_id, order.instrumentId],
    ['side', known.side, signOf(order.side)],
    ['type', known.type, order.type],
    ['quantity', known.qty, order.quantity],
    ['price', known.price, order.price ?? null],
    ['stopPrice', known.stop_price, order.stopPrice ?? null],
    ['tif', known.tif, order.tif ?? 'GTC'],
    ['expireUs', known.expire_us, order.expireUs ?? null],
    ['postOnly', known.post_only, order.postOnly === true ? 1 : 0],
    ['reduceOnly', known.reduce_only, order.reduceOnly === true ? 1 : 0],
    ['strategyId', known.strategy_id, order.strategyId ?? null],
    ['parentOrderId', known.parent_order_id, order.parentOrderId ?? null],
  ];
  const different = pairs.filter(([, stored, given]) => stored !== given).map(([name]) => name);
  if (different.length === 0) return known;
  throw new TradedbError(
    'duplicate_order',
    `client order id ${JSON.stringify(order.clientOrderId)} is taken by an order with another ${different.join(', ')}`,
    { hint: 'give each new order its own client order id', details: { orderId: known.order_id, different } },
  );
}

/** What the venue would refuse anyway, or what the tables could not hold. */
export function requirePlaceable(session: StoreSession, order: NewOrder, instrument: Instrument): void {
  instrument.requireQuantity(order.quantity);
  if (order.price !== undefined) instrument.requirePrice(order.price);
  if (order.stopPrice !== undefined) instrument.requirePrice(order.stopPrice);
  const worst = Math.max(order.price ?? 0, order.stopPrice ?? 0);
  notionalOf(worst, order.quantity, instrument.data);
  const { symbol, status, venueId } = instrument.data;
  if (status !== 'active') throw new TradedbError('constraint_violation', `instrument ${symbol} is ${status}`);
  const venue = session.connection.value('SELECT venue_id FROM accounts WHERE account_id = ?', [order.accountId]);
  if (venue === undefined) throw new TradedbError('constraint_violation', `there is no account ${order.accountId}`);
  if (venue !== venueId) {
    throw new TradedbError('constraint_violation', `account ${order.accountId} is not on the venue of ${symbol}`);
  }
}

/** Writes the row, its first event, what it keeps back, and the audit row. */
export function insertOrder(
  session: StoreSession,
  order: NewOrder,
  instrument: Instrument,
  replaces: OrderRow | null,
): OrderRow {
  const now = session.nowUs();
  const createdUs = order.createdUs ?? now;
  const values = {
    account_id: order.accountId,
    instrument_id: order.instrumentId,
    strategy_id: order.strategyId ?? null,
    client_order_id: order.clientOrderId,
    venue_order_id: order.venueOrderId ?? null,
    parent_order_id: order.parentOrderId ?? null,
    replaces_order_id: replaces?.order_id ?? null,
    side: signOf(order.side),
    type: order.type,
    tif: order.tif ?? 'GTC',
    post_only: order.postOnly === true ? 1 : 0,
    reduce_only: order.reduceOnly === true ? 1 : 0,
    price: order.price ?? null,
    stop_price: order.stopPrice ?? null,
    qty: order.quantity,
    filled_qty: 0,
    filled_notional: 0,
    status: order.initial ?? 'PENDING_NEW',
    expire_us: order.expireUs ?? null,
    created_us: createdUs,
    updated_us: Math.max(now, createdUs),
  } as const;
  const names = Object.keys(values);
  const { lastInsertRowid } = session.connection.run(
    `INSERT INTO orders (${names.join(', ')}) VALUES (${names.map((name) => `@${name}`).join(', ')})`,
    values,
  );
  const row: OrderRow = { order_id: Number(lastInsertRowid), ...values };
  writeEvent(session, {
    orderId: row.order_id,
    from: null,
    to: row.status,
    exec: row.status as 'PENDING_NEW' | 'NEW' | 'REJECTED',
    cumQty: 0,
    eventUs: createdUs,
    note: order.note ?? null,
  });
  moveHold(session, row.account_id, { before: undefined, after: holdOf(row, instrument.data), isChecked: true });
  recordPlaced(session, row);
  return row;
}

function recordPlaced(session: StoreSession, row: OrderRow): void {
  const { client_order_id, price, qty, side, status, type, replaces_order_id } = row;
  session.record(
    {
      entity: 'order',
      entityId: row.order_id,
      payload: { after: { client_order_id, price, qty, replaces_order_id, side, status, type } },
    },
    {
      kind: 'order',
      action: 'place',
      accountId: row.account_id,
      instrumentId: row.instrument_id,
      orderId: row.order_id,
      status: row.status,
      atUs: row.updated_us,
    },
  );
}
