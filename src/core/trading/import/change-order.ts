import type { Connection } from '../../sqlite/connection.ts';
import type { OrderStatus } from '../order-state.ts';
import { holdOf } from '../store/hold.ts';
import type { Line } from '../store/ledger-lines.ts';
import { type OrderRow, orderColumns } from '../store/order-row.ts';
import { StoreSession } from '../store/session.ts';
import { changedColumns } from '../store/transition.ts';
import type { LedgerBook } from './ledger-book.ts';
import type { OrderLoader } from './load-order.ts';
import { type OrderChange, orderChange, type StoredFill } from './order-change.ts';
import type { PreparedOrder } from './prepared-order.ts';
import type { TargetCatalog } from './target-catalog.ts';
import { Unfit } from './unfit.ts';

export interface ChangedOrder {
  /** External ids of fills that came, with their new ids. */
  readonly fills: readonly { readonly externalId: string; readonly fillId: number; readonly synthetic: boolean }[];
}

/** Brings stored orders up to what the source says now, as legal transitions with an audit row each. */
export class OrderChanger {
  readonly #connection: Connection;
  readonly #target: TargetCatalog;
  readonly #ledger: LedgerBook;
  readonly #loader: OrderLoader;
  readonly #session: StoreSession;

  constructor(connection: Connection, ports: { target: TargetCatalog; ledger: LedgerBook; loader: OrderLoader }) {
    this.#connection = connection;
    this.#target = ports.target;
    this.#ledger = ports.ledger;
    this.#loader = ports.loader;
    this.#session = new StoreSession(connection, { actor: 'migrate import' });
  }

  /** Inside a transaction. Nothing is written when the change cannot follow from what is stored. */
  apply(orderId: number, now: PreparedOrder): ChangedOrder | Unfit {
    const stored = this.#connection.get<OrderRow>(`SELECT ${orderColumns} FROM orders WHERE order_id = ?`, [orderId]);
    if (stored === undefined) return new Unfit('source_changed', 'the imported order is gone from the target');
    const fills = this.#connection.all<StoredFill>(
      `SELECT fill_id, venue_trade_id, price, qty, notional, fee, fee_asset_id, synthetic FROM fills
       WHERE order_id = ? AND busted = 0 ORDER BY fill_id`,
      [orderId],
    );
    const change = orderChange(stored, fills, now, this.#target.accountId(now.unit.account));
    return change instanceof Unfit ? change : this.#write(stored, now, change);
  }

  /** A row may have changed in columns that the target does not have: then only its hash is new. */
  #write(stored: OrderRow, now: PreparedOrder, change: OrderChange): ChangedOrder {
    const after: OrderRow = {
      ...stored,
      type: now.unit.type,
      price: now.price,
      stop_price: now.stopPrice,
      qty: now.qty,
      venue_order_id: now.unit.venueOrderId ?? stored.venue_order_id,
      strategy_id: this.#target.strategyId(now.unit.strategy) ?? stored.strategy_id,
      filled_qty: now.filledQty,
      filled_notional: now.filledNotional,
      status: now.status,
      updated_us: Math.max(stored.updated_us, now.updatedUs),
    };
    if (isSame(stored, after) && change.fee === undefined) return { fills: [] };
    this.#connection.run(
      `UPDATE orders SET type = @type, price = @price, stop_price = @stop_price, qty = @qty, strategy_id = @strategy_id,
         venue_order_id = @venue_order_id, filled_qty = @filled_qty, filled_notional = @filled_notional,
         status = @status, updated_us = @updated_us WHERE order_id = @order_id`,
      { ...after },
    );
    this.#writeEvents(stored, now, change);
    this.#moveHold(stored, after, now);
    if (change.fee !== undefined) this.#correctFee(stored.account_id, change.fee, now.updatedUs);
    const key = {
      orderId: stored.order_id,
      accountId: stored.account_id,
      instrumentId: stored.instrument_id,
      side: stored.side,
    };
    const fills = change.newFills.map((fill) => ({
      externalId: fill.part.externalId,
      fillId: this.#loader.insertFill(key, fill),
      synthetic: fill.part.synthetic,
    }));
    this.#record(stored, after);
    return { fills };
  }

  #writeEvents(stored: OrderRow, now: PreparedOrder, { newFills, statuses }: OrderChange): void {
    const last = this.#connection.get<{ seq: number; event_us: number }>(
      'SELECT seq, event_us FROM order_events WHERE order_id = ? ORDER BY seq DESC LIMIT 1',
      [stored.order_id],
    );
    let lastUs = last?.event_us ?? stored.created_us;
    let cumQty = stored.filled_qty;
    const recvUs = this.#session.nowUs();
    const events = statuses.map((to: OrderStatus, at) => {
      const fill = newFills[at];
      cumQty += fill?.qty ?? 0;
      lastUs = Math.max(lastUs, fill?.part.execUs ?? now.updatedUs);
      const note = at === statuses.length - 1 ? now.unit.note : null;
      return { exec: 'ORDER_STATUS' as const, to, cumQty, eventUs: lastUs, recvUs, note };
    });
    this.#loader.writeEvents(stored.order_id, last?.seq ?? 0, last === undefined ? null : stored.status, events);
  }

  #moveHold(before: OrderRow, after: OrderRow, { instrument }: PreparedOrder): void {
    const held = holdOf(before, instrument);
    const holds = holdOf(after, instrument);
    const delta = (holds?.amount ?? 0n) - (held?.amount ?? 0n);
    const assetId = holds?.assetId ?? held?.assetId;
    if (delta === 0n || assetId === undefined) return;
    this.#connection.run(
      `INSERT INTO balances (ledger_account_id, amount, held) VALUES (?, 0, max(0, ?))
       ON CONFLICT (ledger_account_id) DO UPDATE SET held = max(0, held + ?)`,
      [this.#ledger.account(after.account_id, assetId, 'cash'), delta, delta],
    );
  }

  /** The entry of a fill stays as it was booked; the difference is an entry of its own. */
  #correctFee(accountId: number, fee: NonNullable<OrderChange['fee']>, atUs: number): void {
    const { fill, assetId, amount } = fee;
    this.#connection.run('UPDATE fills SET fee = ?, fee_asset_id = ? WHERE fill_id = ?', [
      amount,
      amount === 0 ? null : assetId,
      fill.fill_id,
    ]);
    const isBooked = this.#connection.value("SELECT 1 FROM journal WHERE fill_id = ? AND kind = 'fill'", [
      fill.fill_id,
    ]);
    if (isBooked === undefined) return;
    const moves = new Map<number, bigint>();
    const move = (asset: number | null, by: number): void => {
      if (asset !== null && by !== 0) moves.set(asset, (moves.get(asset) ?? 0n) + BigInt(by));
    };
    move(fill.fee_asset_id, -fill.fee);
    move(assetId, amount);
    const lines = [...moves].flatMap(([asset, by]): Line[] =>
      by === 0n
        ? []
        : [
            { assetId: asset, kind: 'fee', amount: by },
            { assetId: asset, kind: 'cash', amount: -by },
          ],
    );
    if (lines.length === 0) return;
    const note = `the source corrected the fee of fill ${fill.fill_id}`;
    this.#ledger.post({ accountId, atUs, kind: 'adjust', note, lines });
  }

  #record(before: OrderRow, after: OrderRow): void {
    this.#session.record(
      { entity: 'order', entityId: after.order_id, payload: { ...changedColumns(before, after) } },
      {
        kind: 'order',
        action: 'import',
        accountId: after.account_id,
        instrumentId: after.instrument_id,
        orderId: after.order_id,
        status: after.status,
        atUs: after.updated_us,
      },
    );
  }
}

function isSame(before: OrderRow, after: OrderRow): boolean {
  return (Object.keys(after) as (keyof OrderRow)[]).every((column) => before[column] === after[column]);
}
