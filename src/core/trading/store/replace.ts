import { TradedbError } from '../../error.ts';
import type { Price, Quantity } from '../units.ts';
import { sideOf } from '../units.ts';
import { orderState } from './order-row.ts';
import { insertOrder, orderByClientId, requirePlaceable } from './place.ts';
import type { StoreSession } from './session.ts';
import { describeOrder, recordOrder, transition } from './transition.ts';
import type { NewOrder, OrderState } from './types.ts';

export interface Replacement {
  readonly clientOrderId: string;
  readonly price?: Price;
  /** Of the new order alone; what is still open by default. */
  readonly quantity?: Quantity;
  readonly venueOrderId?: string;
  readonly atUs?: number;
}

/** Closes the order as REPLACED and opens another in its place; returns the new one. Repeating it changes nothing. */
export function replace(session: StoreSession, orderId: number, change: Replacement): OrderState {
  return session.write(() => {
    const before = session.order(orderId);
    const known = orderByClientId(session, before.account_id, change.clientOrderId);
    if (known?.replaces_order_id === orderId) return orderState(known);
    if (known !== undefined) {
      throw new TradedbError(
        'duplicate_order',
        `client order id ${JSON.stringify(change.clientOrderId)} is taken by ${describeOrder(known)}`,
      );
    }
    const instrument = session.instrument(before.instrument_id);
    const after = transition(session, before, instrument.data, {
      to: 'REPLACED',
      exec: 'REPLACED',
      eventUs: change.atUs,
    });
    recordOrder(session, 'replace', { before, after });

    const price = change.price ?? before.price;
    const order: NewOrder = {
      accountId: before.account_id,
      instrumentId: before.instrument_id,
      clientOrderId: change.clientOrderId,
      side: sideOf(before.side),
      type: before.type,
      quantity: change.quantity ?? ((before.qty - before.filled_qty) as Quantity),
      tif: before.tif,
      postOnly: before.post_only === 1,
      reduceOnly: before.reduce_only === 1,
      initial: 'NEW',
      ...(price === null ? {} : { price: price as Price }),
      ...(before.stop_price === null ? {} : { stopPrice: before.stop_price as Price }),
      ...(before.expire_us === null ? {} : { expireUs: before.expire_us }),
      ...(before.strategy_id === null ? {} : { strategyId: before.strategy_id }),
      ...(before.parent_order_id === null ? {} : { parentOrderId: before.parent_order_id }),
      ...(change.venueOrderId === undefined ? {} : { venueOrderId: change.venueOrderId }),
    };
    requirePlaceable(session, order, instrument);
    return orderState(insertOrder(session, order, instrument, before));
  });
}
