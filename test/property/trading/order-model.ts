import type { OrderStatus } from '../../../src/core/trading/order-state.ts';

/** What the random order flow expects of the store, written from the state table and not from the store. */

export const reports = [
  'acknowledge',
  'requestCancel',
  'requestReplace',
  'cancelled',
  'cancelRejected',
  'reject',
  'expire',
  'suspend',
  'resume',
] as const;
export type Report = (typeof reports)[number];

export interface ModelFill {
  readonly id: number;
  readonly order: ModelOrder;
  readonly tradeId: string;
  readonly qty: number;
  readonly price: number;
  readonly notional: number;
  readonly fee: number;
  busted: boolean;
}

export interface ModelOrder {
  readonly id: number;
  readonly instrument: number;
  readonly side: 1 | -1;
  readonly price: number;
  readonly qty: number;
  status: OrderStatus;
  /** Time of the last event: no event of an order is earlier than the one before. */
  lastUs: number;
  endedUs: number;
}

export interface Model {
  readonly orders: ModelOrder[];
  readonly fills: ModelFill[];
  funding: bigint;
  readonly reached: Set<string>;
}

export const filledOf = (model: Model, order: ModelOrder): number =>
  model.fills.reduce((sum, fill) => sum + (fill.order === order && !fill.busted ? fill.qty : 0), 0);

const open: readonly OrderStatus[] = [
  'PENDING_NEW',
  'NEW',
  'PARTIALLY_FILLED',
  'PENDING_CANCEL',
  'PENDING_REPLACE',
  'SUSPENDED',
];
export const working: readonly OrderStatus[] = ['NEW', 'PARTIALLY_FILLED'];

/** The status after a report by the page's table, or undefined when the call must be refused. */
export function expected(report: Report, status: OrderStatus, filled: number): OrderStatus | undefined {
  const back = filled > 0 ? 'PARTIALLY_FILLED' : 'NEW';
  const when = (from: readonly OrderStatus[], to: OrderStatus) => (from.includes(status) ? to : undefined);
  switch (report) {
    case 'acknowledge':
      return status === 'PENDING_NEW' ? 'NEW' : status === 'REJECTED' || status === 'REPLACED' ? undefined : status;
    case 'requestCancel':
      return when([...working, 'PENDING_REPLACE'], 'PENDING_CANCEL');
    case 'requestReplace':
      return when(working, 'PENDING_REPLACE');
    case 'cancelled':
      return when(open, 'CANCELED');
    case 'cancelRejected':
      return when(['PENDING_CANCEL', 'PENDING_REPLACE'], back);
    case 'reject':
      return when(['PENDING_NEW', 'NEW'], 'REJECTED');
    case 'expire':
      return when(open, 'EXPIRED');
    case 'suspend':
      return when(working, 'SUSPENDED');
    case 'resume':
      return when(['SUSPENDED'], back);
  }
}

export function afterFill(status: OrderStatus, isComplete: boolean): OrderStatus | undefined {
  if (['PENDING_NEW', 'NEW', 'PARTIALLY_FILLED', 'PENDING_REPLACE'].includes(status))
    return isComplete ? 'FILLED' : 'PARTIALLY_FILLED';
  if (status === 'PENDING_CANCEL') return isComplete ? 'FILLED' : 'PENDING_CANCEL';
  return status === 'CANCELED' || status === 'EXPIRED' ? status : undefined;
}

export function afterBust(status: OrderStatus, left: number): OrderStatus | undefined {
  if (status === 'FILLED') return left > 0 ? 'PARTIALLY_FILLED' : 'CANCELED';
  if (status === 'PARTIALLY_FILLED' || status === 'PENDING_REPLACE') return left > 0 ? 'PARTIALLY_FILLED' : 'NEW';
  return ['PENDING_CANCEL', 'CANCELED', 'EXPIRED'].includes(status) ? status : undefined;
}
