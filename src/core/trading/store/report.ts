import { TradedbError } from '../../error.ts';
import type { ExecType, OrderStatus } from '../order-state.ts';
import { type OrderRow, orderState } from './order-row.ts';
import type { StoreSession } from './session.ts';
import { describeOrder, recordOrder, transition } from './transition.ts';
import type { OrderState } from './types.ts';

/** What the venue, or the engine, says about an order apart from fills. */

export interface Acknowledgement {
  readonly venueOrderId?: string;
  readonly eventUs?: number;
}

const deaf: readonly OrderStatus[] = ['REJECTED', 'REPLACED'];

/**
 * The venue has the order. Repeating it changes nothing; after a first fill it only adds the venue's id.
 */
export function acknowledge(session: StoreSession, orderId: number, report: Acknowledgement): OrderState {
  return session.write(() => {
    const before = session.order(orderId);
    requireSameVenueId(before, report.venueOrderId);
    const isPending = before.status === 'PENDING_NEW';
    if (!isPending && !deaf.includes(before.status))
      return orderState(addVenueId(session, before, report.venueOrderId));
    const after = transition(session, before, session.instrument(before.instrument_id).data, {
      to: 'NEW',
      exec: 'NEW',
      eventUs: report.eventUs,
      venueOrderId: report.venueOrderId,
    });
    recordOrder(session, 'acknowledge', { before, after });
    return orderState(after);
  });
}

function requireSameVenueId(row: OrderRow, venueOrderId: string | undefined): void {
  if (venueOrderId === undefined || row.venue_order_id === null || row.venue_order_id === venueOrderId) return;
  throw new TradedbError(
    'duplicate_order',
    `${describeOrder(row)} is ${row.venue_order_id} at the venue, not ${venueOrderId}`,
  );
}

function addVenueId(session: StoreSession, before: OrderRow, venueOrderId: string | undefined): OrderRow {
  if (venueOrderId === undefined || before.venue_order_id === venueOrderId) return before;
  const after = { ...before, venue_order_id: venueOrderId, updated_us: Math.max(session.nowUs(), before.updated_us) };
  session.connection.run('UPDATE orders SET venue_order_id = ?, updated_us = ? WHERE order_id = ?', [
    venueOrderId,
    after.updated_us,
    before.order_id,
  ]);
  recordOrder(session, 'acknowledge', { before, after });
  return after;
}

interface Move {
  readonly action: string;
  readonly exec: ExecType;
  /** The new status; undefined when the report makes no sense for the order as it is. */
  to(row: OrderRow): OrderStatus;
  /** States that have the edge, but by another event. */
  readonly not?: readonly OrderStatus[];
}

const working = (row: OrderRow): OrderStatus => (row.filled_qty > 0 ? 'PARTIALLY_FILLED' : 'NEW');

export const moves = {
  requestCancel: {
    action: 'request-cancel',
    exec: 'PENDING_CANCEL',
    to: () => 'PENDING_CANCEL',
    not: ['PENDING_CANCEL'],
  },
  requestReplace: { action: 'request-replace', exec: 'PENDING_REPLACE', to: () => 'PENDING_REPLACE' },
  cancelled: { action: 'cancel', exec: 'CANCELED', to: () => 'CANCELED', not: ['CANCELED', 'FILLED'] },
  cancelRejected: {
    action: 'cancel-reject',
    exec: 'CANCEL_REJECT',
    to: working,
    not: ['PENDING_NEW', 'NEW', 'PARTIALLY_FILLED', 'SUSPENDED', 'FILLED'],
  },
  reject: { action: 'reject', exec: 'REJECTED', to: () => 'REJECTED' },
  expire: { action: 'expire', exec: 'EXPIRED', to: () => 'EXPIRED', not: ['EXPIRED'] },
  suspend: { action: 'suspend', exec: 'SUSPENDED', to: () => 'SUSPENDED' },
  resume: {
    action: 'resume',
    exec: 'RESTATED',
    to: working,
    not: ['PENDING_NEW', 'NEW', 'PARTIALLY_FILLED', 'PENDING_CANCEL', 'PENDING_REPLACE', 'FILLED'],
  },
} as const satisfies Record<string, Move>;

/** Applies one of the moves above. */
export function move(
  session: StoreSession,
  orderId: number,
  what: Move,
  report: { readonly atUs: number | undefined; readonly note?: string | undefined },
): OrderState {
  return session.write(() => {
    const before = session.order(orderId);
    if (what.not?.includes(before.status) === true) refuse(before, what);
    const after = transition(session, before, session.instrument(before.instrument_id).data, {
      to: what.to(before),
      exec: what.exec,
      eventUs: report.atUs,
      note: report.note,
    });
    recordOrder(session, what.action, { before, after });
    return orderState(after);
  });
}

function refuse(row: OrderRow, what: Move): never {
  throw new TradedbError(
    'illegal_transition',
    `${describeOrder(row)} is ${row.status}: ${what.action} does not apply`,
    {
      details: { from: row.status, execType: what.exec },
    },
  );
}
