import type { AuditFields } from '../audit/chain.ts';
import { bound } from '../bound.ts';
import type { InstrumentData } from '../instrument.ts';
import { type ExecType, type OrderStatus, requireLegal } from '../order-state.ts';
import { holdOf } from './hold.ts';
import { moveHold } from './ledger.ts';
import type { OrderRow } from './order-row.ts';
import type { StoreSession } from './session.ts';
import type { StoreEvent } from './types.ts';

export interface Change {
  readonly to: OrderStatus;
  readonly exec: ExecType;
  /** The venue's time; now when it gave none. */
  readonly eventUs?: number | undefined;
  readonly note?: string | undefined;
  readonly filledQty?: number;
  readonly filledNotional?: number;
  readonly venueOrderId?: string | undefined;
}

export function describeOrder(row: { readonly order_id: number; readonly client_order_id: string }): string {
  return `order ${row.order_id} (${row.client_order_id})`;
}

/** Writes an event of an order; its time never falls below the last one's, the raw time then goes into the note. */
export function writeEvent(
  session: StoreSession,
  event: {
    readonly orderId: number;
    readonly from: OrderStatus | null;
    readonly to: OrderStatus;
    readonly exec: ExecType;
    readonly cumQty: number;
    readonly eventUs: number;
    readonly note: string | null;
  },
): void {
  const last =
    event.from === null
      ? undefined
      : session.connection.get<{ seq: number; event_us: number }>(
          `SELECT seq, event_us FROM order_events WHERE order_id = ${bound} ORDER BY seq DESC LIMIT 1`,
          [event.orderId],
        );
  const eventUs = Math.max(event.eventUs, last?.event_us ?? 0);
  const note = eventUs === event.eventUs ? event.note : (event.note ?? `venue time ${event.eventUs}`);
  session.connection.run('INSERT INTO order_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', [
    event.orderId,
    (last?.seq ?? 0) + 1,
    event.exec,
    event.from,
    event.to,
    event.cumQty,
    eventUs,
    session.nowUs(),
    note,
  ]);
}

/** Moves an order along a legal edge: event, order row, held money. The caller records the audit row. */
export function transition(session: StoreSession, row: OrderRow, instrument: InstrumentData, change: Change): OrderRow {
  requireLegal(row.status, change.to, describeOrder(row));
  const now = session.nowUs();
  const next: OrderRow = {
    ...row,
    status: change.to,
    filled_qty: change.filledQty ?? row.filled_qty,
    filled_notional: change.filledNotional ?? row.filled_notional,
    venue_order_id: change.venueOrderId ?? row.venue_order_id,
    updated_us: Math.max(now, row.updated_us),
  };
  writeEvent(session, {
    orderId: row.order_id,
    from: row.status,
    to: change.to,
    exec: change.exec,
    cumQty: next.filled_qty,
    eventUs: change.eventUs ?? now,
    note: change.note ?? null,
  });
  session.connection.run(
    'UPDATE orders SET status = ?, filled_qty = ?, filled_notional = ?, updated_us = ? WHERE order_id = ?',
    [next.status, next.filled_qty, next.filled_notional, next.updated_us, row.order_id],
  );
  // Apart, because it moves an index entry and changes only once.
  if (next.venue_order_id !== row.venue_order_id) {
    session.connection.run('UPDATE orders SET venue_order_id = ? WHERE order_id = ?', [
      next.venue_order_id,
      row.order_id,
    ]);
  }
  moveHold(session, row.account_id, {
    before: holdOf(row, instrument),
    after: holdOf(next, instrument),
    isChecked: false,
  });
  return next;
}

const audited = ['status', 'filled_qty', 'filled_notional', 'venue_order_id'] as const;

/** The columns that changed, before and after. */
export function changedColumns(before: OrderRow, after: OrderRow): { before: AuditFields; after: AuditFields } {
  const changed = audited.filter((name) => before[name] !== after[name]);
  return {
    before: Object.fromEntries(changed.map((name) => [name, before[name]])),
    after: Object.fromEntries(changed.map((name) => [name, after[name]])),
  };
}

/** The audit row and the event of a change of an order. */
export function recordOrder(
  session: StoreSession,
  action: string,
  change: {
    readonly before: OrderRow;
    readonly after: OrderRow;
    readonly more?: AuditFields;
    readonly event?: Partial<StoreEvent>;
  },
): void {
  const { before, after } = change;
  session.record(
    { entity: 'order', entityId: after.order_id, payload: { ...changedColumns(before, after), ...change.more } },
    {
      kind: 'order',
      action,
      accountId: after.account_id,
      instrumentId: after.instrument_id,
      orderId: after.order_id,
      status: after.status,
      atUs: after.updated_us,
      ...change.event,
    },
  );
}
