import type { OrderState } from '../store/types.ts';
import { notionalOf, type Price, type Quantity } from '../units.ts';
import { type MixParameters, type MixTransaction, numberOf, orderParameters } from './mix.ts';
import type { MixSession, OwnOrder } from './session.ts';

/**
 * The writes of an order's life. A transaction that finds no order to work on (the first ones of a run) places one in
 * the same transaction, so that every call does its kind of work.
 */

type Unweighted = Omit<MixTransaction, 'weight'>;

/** More open orders of its own than this, and a session forgets the oldest; they stay open in the database. */
const remembered = 5000;

function remember(list: OwnOrder[], order: OwnOrder): void {
  if (list.length >= remembered) list.shift();
  list.push(order);
}

function place(session: MixSession, p: MixParameters, initial: 'PENDING_NEW' | 'NEW'): OrderState {
  const { instrument, referencePrice } = session.instrument(numberOf(p, 'instrument'));
  const isBuy = numberOf(p, 'isBuy') === 1;
  const { lotSize, tickSize } = instrument.data;
  const away = (1 + numberOf(p, 'offset')) * tickSize;
  const strategies = session.market.strategies;
  const strategyId = strategies[numberOf(p, 'lots') % Math.max(1, strategies.length)];
  return session.store.place({
    accountId: session.account(numberOf(p, 'account')),
    instrumentId: instrument.id,
    clientOrderId: session.nextId('o'),
    side: isBuy ? 'buy' : 'sell',
    type: 'limit',
    price: (isBuy ? referencePrice - away : referencePrice + away) as Price,
    quantity: (numberOf(p, 'lots') * lotSize) as Quantity,
    initial,
    ...(strategyId === undefined ? {} : { strategyId }),
  });
}

/** An open order of this session, placed on the spot when none is left. */
function openOrder(session: MixSession, p: MixParameters): OrderState {
  for (let tries = 0; tries < 5; tries++) {
    const own = session.take(session.working, numberOf(p, 'pick'));
    if (own === undefined) break;
    const state = session.store.byClientId(own.accountId, own.clientOrderId);
    if (state !== undefined && (state.status === 'NEW' || state.status === 'PARTIALLY_FILLED')) return state;
  }
  return place(session, p, 'NEW');
}

export const orderNew: Unweighted = {
  name: 'order.new',
  parameters: orderParameters,
  run: (session, p) => {
    const { accountId, clientOrderId } = place(session, p, 'PENDING_NEW');
    remember(session.pending, { accountId, clientOrderId });
  },
};

export const orderAck: Unweighted = {
  name: 'order.ack',
  parameters: orderParameters,
  run: (session, p) => {
    const own = session.pending.shift();
    const order = session.store.transaction(() => {
      const known = own === undefined ? undefined : session.store.byClientId(own.accountId, own.clientOrderId);
      const state = known?.status === 'PENDING_NEW' ? known : place(session, p, 'PENDING_NEW');
      return session.store.acknowledge(state.orderId, { venueOrderId: session.nextId('v') });
    });
    remember(session.working, { accountId: order.accountId, clientOrderId: order.clientOrderId });
  },
};

export const orderCancel: Unweighted = {
  name: 'order.cancel',
  parameters: orderParameters,
  run: (session, p) => {
    session.store.transaction(() => session.store.cancelled(openOrder(session, p).orderId));
  },
};

export const orderReplace: Unweighted = {
  name: 'order.replace',
  parameters: orderParameters,
  run: (session, p) => {
    const next = session.store.transaction(() => {
      const order = openOrder(session, p);
      const { tickSize } = session.instrumentOf(order.instrumentId).data;
      // Away from the market, so that no fill can be worse than the limit.
      const price = Math.max(tickSize, (order.price ?? tickSize) + (order.side === 'buy' ? -tickSize : tickSize));
      return session.store.replace(order.orderId, { clientOrderId: session.nextId('r'), price: price as Price });
    });
    remember(session.working, { accountId: next.accountId, clientOrderId: next.clientOrderId });
  },
};

const feeBasisPoints = 5;

export const orderFill: Unweighted = {
  name: 'order.fill',
  parameters: orderParameters,
  run: (session, p) => {
    const order = session.store.transaction(() => {
      const open = openOrder(session, p);
      const { lotSize } = session.instrumentOf(open.instrumentId).data;
      const half = Math.floor(open.leavesQuantity / 2 / lotSize) * lotSize;
      const isWhole = half === 0 || numberOf(p, 'offset') % 10 < 7;
      return session.store.fill(open.orderId, {
        venueTradeId: session.nextId('t'),
        price: open.price as Price,
        quantity: (isWhole ? open.leavesQuantity : half) as Quantity,
        liquidity: numberOf(p, 'lots') % 2 === 0 ? 'maker' : 'taker',
        ...feeOf(session, open, isWhole ? open.leavesQuantity : half),
      }).order;
    });
    if (order.isOpen) remember(session.working, { accountId: order.accountId, clientOrderId: order.clientOrderId });
  },
};

function feeOf(session: MixSession, order: OrderState, quantity: number): { fee?: { asset: string; amount: bigint } } {
  if (order.price === null) return {};
  const { data } = session.instrumentOf(order.instrumentId);
  const asset = session.assetCode(data.quoteAssetId);
  const notional = notionalOf(order.price, quantity, data);
  return { fee: { asset, amount: BigInt(Math.floor((notional * feeBasisPoints) / 10_000)) } };
}
