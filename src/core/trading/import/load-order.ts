import type { Connection } from '../../sqlite/connection.ts';
import type { Statement } from '../../sqlite/statement.ts';
import { type ExecType, isLegal, isOpen, type OrderStatus } from '../order-state.ts';
import { holdOf } from '../store/hold.ts';
import type { LedgerBook } from './ledger-book.ts';
import type { PreparedFill, PreparedOrder } from './prepared-order.ts';
import type { TargetCatalog } from './target-catalog.ts';

/** One row of `order_events`, without its order and number. */
interface Event {
  readonly exec: ExecType;
  readonly to: OrderStatus;
  readonly cumQty: number;
  readonly eventUs: number;
  readonly recvUs: number;
  readonly note: string | null;
}

export interface StoredOrder {
  readonly orderId: number;
  /** In the order of the unit's fills. */
  readonly fillIds: readonly number[];
  /** The life that the source told was not legal and was replaced. */
  readonly isLifeReplaced: boolean;
}

/** Writes orders with their events and fills. The fills are booked later, in the order of time. */
export class OrderLoader {
  readonly #connection: Connection;
  readonly #target: TargetCatalog;
  readonly #ledger: LedgerBook;
  readonly #order: Statement;
  readonly #event: Statement;
  readonly #fill: Statement;

  constructor(connection: Connection, target: TargetCatalog, ledger: LedgerBook) {
    this.#connection = connection;
    this.#target = target;
    this.#ledger = ledger;
    this.#order = connection.prepare(
      `INSERT INTO orders (account_id, instrument_id, strategy_id, client_order_id, venue_order_id, parent_order_id, side,
         type, tif, post_only, reduce_only, price, stop_price, qty, filled_qty, filled_notional, status, created_us,
         updated_us)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    );
    this.#event = connection.prepare('INSERT INTO order_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
    this.#fill = connection.prepare(
      `INSERT INTO fills (order_id, account_id, instrument_id, venue_trade_id, side, price, qty, notional, fee,
         fee_asset_id, liquidity, exec_us, recv_us, synthetic) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  /** Undefined when the account has an order with its client or venue id already. */
  insert(order: PreparedOrder, parentOrderId: number | null): StoredOrder | undefined {
    const { unit, instrument } = order;
    const accountId = this.#target.accountId(unit.account);
    const { changes, lastInsertRowid } = this.#order.run([
      accountId,
      instrument.instrumentId,
      this.#target.strategyId(unit.strategy),
      unit.clientOrderId,
      unit.venueOrderId,
      parentOrderId,
      unit.side,
      unit.type,
      unit.tif,
      unit.postOnly ? 1 : 0,
      unit.reduceOnly ? 1 : 0,
      order.price,
      order.stopPrice,
      order.qty,
      order.filledQty,
      order.filledNotional,
      order.status,
      unit.createdUs,
      order.updatedUs,
    ]);
    if (changes === 0) return undefined;
    const orderId = Number(lastInsertRowid);
    const told = toldLife(order);
    this.writeEvents(orderId, 0, null, told ?? reconstructedLife(order));
    const key = { orderId, accountId, instrumentId: instrument.instrumentId, side: unit.side };
    const fillIds = order.fills.map((fill) => this.insertFill(key, fill));
    if (isOpen(order.status)) this.#keepBack(accountId, order);
    return { orderId, fillIds, isLifeReplaced: unit.events !== undefined && told === undefined };
  }

  insertFill(
    key: { readonly orderId: number; readonly accountId: number; readonly instrumentId: number; readonly side: number },
    { part, price, qty, notional, fees }: PreparedFill,
  ): number {
    const [fee, ...others] = fees;
    const { lastInsertRowid } = this.#fill.run([
      key.orderId,
      key.accountId,
      key.instrumentId,
      part.venueTradeId,
      key.side,
      price,
      qty,
      notional,
      fee?.amount ?? 0,
      fee?.assetId ?? null,
      part.liquidity,
      part.execUs,
      part.execUs,
      part.synthetic ? 1 : 0,
    ]);
    const fillId = Number(lastInsertRowid);
    const lines = others.flatMap(({ assetId, amount }) => [
      { assetId, kind: 'fee', amount: BigInt(amount) } as const,
      { assetId, kind: 'cash', amount: -BigInt(amount) } as const,
    ]);
    if (lines.length > 0) {
      this.#ledger.post({ accountId: key.accountId, atUs: part.execUs, kind: 'fee', fillId, lines });
    }
    return fillId;
  }

  /** Writes events behind number `seq`, from status `from`. */
  writeEvents(orderId: number, seq: number, from: OrderStatus | null, events: readonly Event[]): void {
    let before = from;
    let number = seq;
    for (const { exec, to, cumQty, eventUs, recvUs, note } of events) {
      number += 1;
      this.#event.run([orderId, number, exec, before, to, cumQty, eventUs, recvUs, note]);
      before = to;
    }
  }

  /** What an open order keeps back of the cash, as the store would. */
  #keepBack(accountId: number, order: PreparedOrder): void {
    const hold = holdOf(
      {
        side: order.unit.side,
        price: order.price,
        stop_price: order.stopPrice,
        qty: order.qty,
        filled_qty: order.filledQty,
        status: order.status,
      },
      order.instrument,
    );
    if (hold === undefined) return;
    const account = this.#ledger.account(accountId, hold.assetId, 'cash');
    this.#connection.run(
      `INSERT INTO balances (ledger_account_id, amount, held) VALUES (?, 0, ?)
       ON CONFLICT (ledger_account_id) DO UPDATE SET held = held + excluded.held`,
      [account, hold.amount],
    );
  }
}

/** The source's own events when they are a legal life that ends where the order stands; times never fall. */
function toldLife({ unit, fills, status, filledQty }: PreparedOrder): Event[] | undefined {
  if (unit.events === undefined || unit.events.length === 0) return undefined;
  const life: Event[] = [];
  let cumQty = 0;
  let from: OrderStatus | '' = '';
  let lastUs = 0;
  for (const { exec, to, eventUs, recvUs, fill, note } of unit.events) {
    if (!isLegal(from, to)) return undefined;
    cumQty += fill === undefined ? 0 : (fills[fill]?.qty ?? 0);
    const raised = Math.max(eventUs, lastUs);
    life.push({
      exec,
      to,
      cumQty,
      eventUs: raised,
      recvUs,
      note: raised === eventUs ? note : (note ?? `venue time ${eventUs}`),
    });
    lastUs = raised;
    from = to;
  }
  return from === status && cumQty === filledQty ? life : undefined;
}

/** NEW, one TRADE for each fill, and the final state: what must have happened, as far as totals tell. */
function reconstructedLife({ unit, fills, status, qty, updatedUs }: PreparedOrder): Event[] {
  const exec = 'ORDER_STATUS';
  const { createdUs } = unit;
  const first: OrderStatus = status === 'PENDING_NEW' && fills.length === 0 ? 'PENDING_NEW' : 'NEW';
  const life: Event[] = [{ exec, to: first, cumQty: 0, eventUs: createdUs, recvUs: createdUs, note: null }];
  let cumQty = 0;
  let lastUs = createdUs;
  let last: OrderStatus = first;
  for (const fill of fills) {
    cumQty += fill.qty;
    lastUs = Math.max(lastUs, fill.part.execUs);
    last = cumQty === qty && status === 'FILLED' ? 'FILLED' : 'PARTIALLY_FILLED';
    life.push({ exec, to: last, cumQty, eventUs: lastUs, recvUs: lastUs, note: null });
  }
  if (status !== last) {
    const endUs = Math.max(lastUs, updatedUs);
    life.push({ exec, to: status, cumQty, eventUs: endUs, recvUs: endUs, note: unit.note });
  } else if (unit.note !== null) {
    const end = life.pop() as Event;
    life.push({ ...end, note: unit.note });
  }
  return life;
}
