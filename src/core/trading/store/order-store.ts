import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { AuditRow } from '../audit/chain.ts';
import { type Instrument, instrumentBySymbol, type Kind } from '../instrument.ts';
import { hasReferenceSchema } from '../reference-schema.ts';
import { bust } from './bust.ts';
import { corporate } from './corporate.ts';
import { fill } from './fill.ts';
import type { Candle, CandleRange, Quote, Tick } from './market-data.ts';
import { buildCandles, candlesIn, lastQuote, storeQuotes, storeTicks } from './market-data.ts';
import { fund, transfer } from './money.ts';
import { orderState } from './order-row.ts';
import type { EventFilter, Listener } from './outbox.ts';
import { orderByClientId, place } from './place.ts';
import type { FillFilter, OpenFilter } from './queries.ts';
import {
  balancesOf,
  changesSince,
  dailyProfit,
  eventsOf,
  fillsOf,
  history,
  openOrders,
  positionOf,
} from './queries.ts';
import { type Replacement, replace } from './replace.ts';
import { type Acknowledgement, acknowledge, move, moves } from './report.ts';
import { type StoreOptions, StoreSession } from './session.ts';
import type * as t from './types.ts';

/** Questions to the store; in `snapshot` all of them see one state. */
export interface OrderQueries {
  order(orderId: number): t.OrderState;
  byClientId(accountId: number, clientOrderId: string): t.OrderState | undefined;
  open(filter: OpenFilter): readonly t.OrderState[];
  history(page: { accountId: number; before?: t.Cursor; limit?: number }): t.Page<t.OrderState>;
  events(orderId: number): readonly t.OrderEvent[];
  fills(filter: FillFilter): readonly t.Fill[];
  position(accountId: number, instrumentId: number): t.Position;
  balances(accountId: number): readonly t.Balance[];
  dailyProfit(range: { fromUs: number; toUs: number; accountId?: number }): readonly t.DailyProfit[];
  candles(range: CandleRange): readonly Candle[];
  lastQuote(instrumentId: number): Quote | undefined;
}

/**
 * The writer of the reference schema. Each call is one transaction with all that follows from it (position, ledger,
 * audit), so that they cannot disagree; inside `transaction` several calls become one. Times are microseconds.
 */
export interface OrderStore extends OrderQueries {
  instrument(venue: string, symbol: string, kind: Kind): Instrument;
  place(order: t.NewOrder): t.OrderState;
  acknowledge(orderId: number, report?: Acknowledgement): t.OrderState;
  fill(orderId: number, report: t.NewFill): t.FillResult;
  requestCancel(orderId: number, atUs?: number): t.OrderState;
  cancelled(orderId: number, atUs?: number): t.OrderState;
  /** The venue refused a cancel or a replacement: the order works on as before. */
  cancelRejected(orderId: number, atUs?: number): t.OrderState;
  requestReplace(orderId: number, atUs?: number): t.OrderState;
  /** Returns the new order. */
  replace(orderId: number, change: Replacement): t.OrderState;
  reject(orderId: number, atUs: number | undefined, reason: string): t.OrderState;
  expire(orderId: number, atUs?: number): t.OrderState;
  suspend(orderId: number, atUs?: number): t.OrderState;
  resume(orderId: number, atUs?: number): t.OrderState;
  bust(fillId: number, reason: string): void;
  /** Journal ids. */
  deposit(entry: t.Transfer): number;
  withdraw(entry: t.Transfer): number;
  opening(entry: t.Transfer): number;
  /** Funding id. */
  fund(payment: t.FundingPayment): number;
  /** Event id. A split, dividend or delisting, with what it does to the open positions. */
  corporate(event: t.CorporateEvent): number;
  quotes(rows: readonly Quote[]): void;
  ticks(rows: readonly Tick[]): void;
  /** Number of candles written. */
  buildCandles(request: CandleRange & { graceUs?: number }): number;
  snapshot<T>(fn: (queries: OrderQueries) => T): T;
  transaction<T>(fn: () => T): T;
  /** Events arrive after the COMMIT that made them true. The returned function ends the subscription. */
  subscribe(filter: EventFilter, listener: Listener): () => void;
  /** Audit rows after a number, for other processes. */
  changesSince(auditSeq: number, limit?: number): readonly AuditRow[];
}

/** Throws `schema_missing` when the database does not have the reference schema. */
export function createOrderStore(connection: Connection, options: StoreOptions = {}): OrderStore {
  if (!hasReferenceSchema(connection)) {
    throw new TradedbError('schema_missing', `${JSON.stringify(connection.path)} does not have the trading schema`, {
      hint: 'create it with: tradedb init, or tradedb migrate up',
    });
  }
  const session = new StoreSession(connection, options);
  const queries = queriesOf(session);
  return {
    ...queries,
    ...orderWrites(session),
    ...moneyWrites(session),
    ...marketWrites(session),
    instrument: (venue, symbol, kind) => instrumentBySymbol(connection, venue, symbol, kind),
    snapshot: (fn) => connection.read(() => fn(queries)),
    transaction: (fn) => session.write(fn),
    subscribe: (filter, listener) => subscribe(session, filter, listener),
    changesSince: (auditSeq, limit) => changesSince(connection, auditSeq, limit),
  };
}

function queriesOf(session: StoreSession): OrderQueries {
  const { connection } = session;
  return {
    order: (orderId) => orderState(session.order(orderId)),
    byClientId: (accountId, clientOrderId) => {
      const row = orderByClientId(session, accountId, clientOrderId);
      return row === undefined ? undefined : orderState(row);
    },
    open: (filter) => openOrders(connection, filter),
    history: (page) => history(connection, page),
    events: (orderId) => eventsOf(connection, orderId),
    fills: (filter) => fillsOf(connection, filter),
    position: (accountId, instrumentId) => positionOf(connection, accountId, instrumentId),
    balances: (accountId) => balancesOf(connection, accountId),
    dailyProfit: (range) => dailyProfit(connection, range),
    candles: (range) => candlesIn(connection, range),
    lastQuote: (instrumentId) => lastQuote(connection, instrumentId),
  };
}

function orderWrites(session: StoreSession) {
  const report =
    (what: (typeof moves)[keyof typeof moves]) =>
    (orderId: number, atUs?: number): t.OrderState =>
      move(session, orderId, what, { atUs });
  return {
    place: (order: t.NewOrder) => place(session, order),
    acknowledge: (orderId: number, given: Acknowledgement = {}) => acknowledge(session, orderId, given),
    fill: (orderId: number, execution: t.NewFill) => fill(session, orderId, execution),
    replace: (orderId: number, change: Replacement) => replace(session, orderId, change),
    reject: (orderId: number, atUs: number | undefined, reason: string) =>
      move(session, orderId, moves.reject, { atUs, note: reason }),
    bust: (fillId: number, reason: string) => bust(session, fillId, reason),
    requestCancel: report(moves.requestCancel),
    requestReplace: report(moves.requestReplace),
    cancelled: report(moves.cancelled),
    cancelRejected: report(moves.cancelRejected),
    expire: report(moves.expire),
    suspend: report(moves.suspend),
    resume: report(moves.resume),
  };
}

function moneyWrites(session: StoreSession) {
  return {
    deposit: (entry: t.Transfer) => transfer(session, 'deposit', entry),
    withdraw: (entry: t.Transfer) => transfer(session, 'withdrawal', entry),
    opening: (entry: t.Transfer) => transfer(session, 'opening', entry),
    fund: (payment: t.FundingPayment) => fund(session, payment),
    corporate: (event: t.CorporateEvent) => corporate(session, event),
  };
}

function marketWrites(session: StoreSession) {
  const { connection } = session;
  return {
    quotes: (rows: readonly Quote[]) => storeQuotes(connection, rows),
    ticks: (rows: readonly Tick[]) => storeTicks(connection, rows),
    buildCandles: (request: CandleRange & { graceUs?: number }) =>
      buildCandles(connection, { graceUs: 2_000_000, nowUs: session.nowUs(), ...request }),
  };
}

function subscribe(session: StoreSession, filter: EventFilter, listener: Listener): () => void {
  if (!session.auditEnabled) {
    throw new TradedbError('unsupported', 'a store without audit log has no events', {
      hint: 'leave the option audit on, or use changesSince from another process',
    });
  }
  return session.outbox.subscribe(filter, listener);
}
