import type { InstrumentData } from '../instrument.ts';
import type { ExecType, OrderStatus } from '../order-state.ts';
import type { Sign } from '../units.ts';
import type { Outcome } from './order-flow.ts';
import type { SampleRow } from './row-sink.ts';

/** How long the venue's report takes to arrive. */
export const reportDelayUs = 150;

/** An order of the sample market while it lives; its rows go out when it has ended. */
export interface SampleOrder {
  readonly order_id: number;
  readonly accountId: number;
  readonly instrument: InstrumentData;
  readonly strategyId: number;
  readonly replaces: number | null;
  readonly side: Sign;
  readonly price: number;
  readonly qty: number;
  readonly createdUs: number;
  readonly outcome: Outcome;
  status: OrderStatus;
  filled_qty: number;
  filled_notional: number;
  isAcknowledged: boolean;
  lastUs: number;
  readonly events: SampleRow[];
}

/** Adds an event and moves the order; times never fall. */
export function addEvent(order: SampleOrder, exec: ExecType, to: OrderStatus, atUs: number): void {
  const from = order.events.length === 0 ? null : order.status;
  order.lastUs = Math.max(order.lastUs, atUs);
  order.status = to;
  order.events.push([
    order.order_id,
    order.events.length + 1,
    exec,
    from,
    to,
    order.filled_qty,
    order.lastUs,
    order.lastUs + reportDelayUs,
    null,
  ]);
}

/** The row of an order that has ended. */
export function orderRow(order: SampleOrder): SampleRow {
  return [
    order.order_id,
    order.accountId,
    order.instrument.instrumentId,
    order.strategyId,
    `s-${order.order_id}`,
    order.isAcknowledged ? `V${order.order_id}` : null,
    null,
    order.replaces,
    order.side,
    'limit',
    'DAY',
    0,
    0,
    order.price,
    null,
    order.qty,
    order.filled_qty,
    order.filled_notional,
    order.status,
    null,
    order.createdUs,
    order.lastUs + reportDelayUs,
  ];
}
