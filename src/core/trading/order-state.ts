import { TradedbError } from '../error.ts';

/**
 * The life of an order. The names are those of FIX OrdStatus (tag 39) and ExecType (tag 150): the execution type says
 * why something happened, the status what holds afterwards. The table order_status_edges holds the same list, so that
 * the store and rule I07 agree; a test compares the two.
 */

export const orderStatuses = [
  'PENDING_NEW',
  'NEW',
  'PARTIALLY_FILLED',
  'FILLED',
  'PENDING_CANCEL',
  'PENDING_REPLACE',
  'CANCELED',
  'REPLACED',
  'REJECTED',
  'EXPIRED',
  'SUSPENDED',
] as const;

export type OrderStatus = (typeof orderStatuses)[number];

export type ExecType =
  | 'PENDING_NEW'
  | 'NEW'
  | 'TRADE'
  | 'TRADE_CORRECT'
  | 'TRADE_CANCEL'
  | 'PENDING_CANCEL'
  | 'CANCELED'
  | 'CANCEL_REJECT'
  | 'PENDING_REPLACE'
  | 'REPLACED'
  | 'REJECTED'
  | 'EXPIRED'
  | 'SUSPENDED'
  | 'TRIGGERED'
  | 'RESTATED'
  | 'ORDER_STATUS';

/** From (empty: no order yet), to, and the execution type that normally causes the change. */
export type Edge = readonly [from: OrderStatus | '', to: OrderStatus, exec: ExecType];

export const edges: readonly Edge[] = [
  ['', 'PENDING_NEW', 'PENDING_NEW'],
  ['', 'NEW', 'NEW'],
  ['', 'REJECTED', 'REJECTED'],
  ['PENDING_NEW', 'NEW', 'NEW'],
  ['PENDING_NEW', 'REJECTED', 'REJECTED'],
  ['PENDING_NEW', 'PARTIALLY_FILLED', 'TRADE'],
  ['PENDING_NEW', 'FILLED', 'TRADE'],
  ['PENDING_NEW', 'CANCELED', 'CANCELED'],
  ['PENDING_NEW', 'EXPIRED', 'EXPIRED'],
  ['NEW', 'PARTIALLY_FILLED', 'TRADE'],
  ['NEW', 'FILLED', 'TRADE'],
  ['NEW', 'PENDING_CANCEL', 'PENDING_CANCEL'],
  ['NEW', 'PENDING_REPLACE', 'PENDING_REPLACE'],
  ['NEW', 'CANCELED', 'CANCELED'],
  ['NEW', 'EXPIRED', 'EXPIRED'],
  ['NEW', 'REPLACED', 'REPLACED'],
  ['NEW', 'REJECTED', 'REJECTED'],
  ['NEW', 'SUSPENDED', 'SUSPENDED'],
  ['PARTIALLY_FILLED', 'PARTIALLY_FILLED', 'TRADE'],
  ['PARTIALLY_FILLED', 'FILLED', 'TRADE'],
  ['PARTIALLY_FILLED', 'PENDING_CANCEL', 'PENDING_CANCEL'],
  ['PARTIALLY_FILLED', 'PENDING_REPLACE', 'PENDING_REPLACE'],
  ['PARTIALLY_FILLED', 'CANCELED', 'CANCELED'],
  ['PARTIALLY_FILLED', 'EXPIRED', 'EXPIRED'],
  ['PARTIALLY_FILLED', 'REPLACED', 'REPLACED'],
  ['PARTIALLY_FILLED', 'SUSPENDED', 'SUSPENDED'],
  ['PARTIALLY_FILLED', 'NEW', 'TRADE_CANCEL'],
  ['PENDING_CANCEL', 'PENDING_CANCEL', 'TRADE'],
  ['PENDING_CANCEL', 'PARTIALLY_FILLED', 'CANCEL_REJECT'],
  ['PENDING_CANCEL', 'NEW', 'CANCEL_REJECT'],
  ['PENDING_CANCEL', 'FILLED', 'TRADE'],
  ['PENDING_CANCEL', 'CANCELED', 'CANCELED'],
  ['PENDING_CANCEL', 'EXPIRED', 'EXPIRED'],
  ['PENDING_REPLACE', 'REPLACED', 'REPLACED'],
  ['PENDING_REPLACE', 'PARTIALLY_FILLED', 'TRADE'],
  ['PENDING_REPLACE', 'NEW', 'CANCEL_REJECT'],
  ['PENDING_REPLACE', 'FILLED', 'TRADE'],
  ['PENDING_REPLACE', 'PENDING_CANCEL', 'PENDING_CANCEL'],
  ['PENDING_REPLACE', 'CANCELED', 'CANCELED'],
  ['PENDING_REPLACE', 'EXPIRED', 'EXPIRED'],
  ['SUSPENDED', 'NEW', 'RESTATED'],
  ['SUSPENDED', 'PARTIALLY_FILLED', 'RESTATED'],
  ['SUSPENDED', 'CANCELED', 'CANCELED'],
  ['SUSPENDED', 'EXPIRED', 'EXPIRED'],
  ['FILLED', 'PARTIALLY_FILLED', 'TRADE_CANCEL'],
  ['FILLED', 'CANCELED', 'TRADE_CANCEL'],
  ['CANCELED', 'CANCELED', 'TRADE'],
  ['EXPIRED', 'EXPIRED', 'TRADE'],
];

const legal = new Map<string, Set<string>>();
for (const [from, to] of edges) {
  const set = legal.get(from) ?? new Set<string>();
  set.add(to);
  legal.set(from, set);
}

export function isLegal(from: OrderStatus | '', to: OrderStatus): boolean {
  return legal.get(from)?.has(to) === true;
}

/** Throws `illegal_transition`, which names both states and what would have been legal. */
export function requireLegal(from: OrderStatus | '', to: OrderStatus, order: string): void {
  if (isLegal(from, to)) return;
  const allowed = [...(legal.get(from) ?? [])];
  throw new TradedbError('illegal_transition', `${order} is ${from === '' ? 'new' : from} and cannot become ${to}`, {
    hint: allowed.length === 0 ? `${from} is final` : `from ${from} an order may become ${allowed.join(', ')}`,
    details: { from, to, legal: allowed },
  });
}

const openStatuses: ReadonlySet<string> = new Set([
  'PENDING_NEW',
  'NEW',
  'PARTIALLY_FILLED',
  'PENDING_CANCEL',
  'PENDING_REPLACE',
  'SUSPENDED',
]);

/** The same set as the generated column `orders.is_open`. */
export function isOpen(status: OrderStatus): boolean {
  return openStatuses.has(status);
}
