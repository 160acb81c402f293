import type { Statement } from '../../../sqlite/statement.ts';
import { isLegal, type OrderStatus } from '../../order-state.ts';
import { execOf } from '../order-life.ts';
import type { RawValue } from '../raw-value.ts';
import type { SourceRow, SourceStream } from '../source.ts';
import { tableRows } from '../table-rows.ts';
import { type EventPart, held, type Mapped, type RelatedRow } from '../unit.ts';
import type { HummingbotFile } from './ports.ts';

export const statusTable = 'OrderStatus';
const columns = ['id', 'order_id', 'timestamp', 'status'] as const;

/** The bot's words for what happened to an order. */
export const statusOf: Readonly<Record<string, OrderStatus>> = {
  BuyOrderCreated: 'NEW',
  SellOrderCreated: 'NEW',
  OrderFilled: 'PARTIALLY_FILLED',
  BuyOrderCompleted: 'FILLED',
  SellOrderCompleted: 'FILLED',
  OrderCancelled: 'CANCELED',
  OrderExpired: 'EXPIRED',
  OrderFailure: 'REJECTED',
};

/** Rows of OrderStatus by their order. */
export class EventsOfOrder {
  readonly #statement: Statement | undefined;

  constructor({ schema }: HummingbotFile) {
    if (!schema.has(statusTable, ...columns)) return;
    this.#statement = schema.connection
      .prepare(`SELECT ${columns.join(', ')} FROM main.OrderStatus WHERE order_id = ? ORDER BY timestamp, id`)
      .asArrays()
      .withBigIntegers();
  }

  of(order: RawValue): readonly SourceRow[] {
    return this.#statement?.all<SourceRow>([order]) ?? [];
  }
}

export const relatedStatus = (row: SourceRow): RelatedRow => ({ table: statusTable, columns, row });

/** The side that the creation of an order tells: its own row has none. */
export function sideOfEvents(rows: readonly SourceRow[]): 1 | -1 | undefined {
  for (const [, , , status] of rows) {
    if (status === 'BuyOrderCreated' || status === 'BuyOrderCompleted') return 1;
    if (status === 'SellOrderCreated' || status === 'SellOrderCompleted') return -1;
  }
  return undefined;
}

/**
 * The life of an order. Creation and fills carry the venue's time, other events that of the bot's machine, so their order
 * by time can be impossible: then that of writing is taken, and a time before its predecessor's is raised to it.
 * Undefined when neither is a life that can be.
 */
export function lifeOf(
  file: HummingbotFile,
  rows: readonly SourceRow[],
  end: { status: OrderStatus; fills: number },
): EventPart[] | undefined {
  if (rows.length === 0) return undefined;
  const byId = [...rows].sort((one, other) => Number(one[0]) - Number(other[0]));
  for (const order of [rows, byId]) {
    const events = eventsOf(file, order, end.fills);
    if (events !== undefined && isLife(events) && events.at(-1)?.to === end.status) return events;
  }
  file.notes.add('orders whose events are no possible life: it is written anew from their fills and last status');
  return undefined;
}

function eventsOf(file: HummingbotFile, rows: readonly SourceRow[], fills: number): EventPart[] | undefined {
  const events: EventPart[] = [];
  const trades = rows.filter(([, , , status]) => status === 'OrderFilled').length;
  const isWhole = rows.some(([, , , status]) => status === 'BuyOrderCompleted' || status === 'SellOrderCompleted');
  if (trades !== fills) return undefined;
  let fill = 0;
  for (const [, , time = null, told = null] of rows) {
    const status = statusOf[String(told)];
    const us = file.time.readUnit(time, 'ms');
    if (status === undefined || Number.isNaN(us)) return undefined;
    const before = events.at(-1)?.eventUs ?? us;
    const eventUs = Math.max(us, before);
    const note = eventUs === us ? null : `at the source ${String(time)}`;
    if (note !== null) file.notes.add('events before their predecessor, whose time they take');
    if (told === 'OrderFilled') {
      const isLast = fill === fills - 1;
      events.push({ exec: 'TRADE', to: isLast && isWhole ? 'FILLED' : status, eventUs, recvUs: eventUs, fill, note });
      fill += 1;
    } else if (status !== 'FILLED') {
      events.push({ exec: execOf[status], to: status, eventUs, recvUs: eventUs, fill: undefined, note });
    }
  }
  return events;
}

function isLife(events: readonly EventPart[]): boolean {
  return events.every(({ to }, index) => isLegal(events[index - 1]?.to ?? '', to));
}

/** Each row is a part of its order. */
export function statuses(file: HummingbotFile): SourceStream {
  const { schema } = file;
  const order = schema.connection.prepare('SELECT 1 FROM main."Order" WHERE id = ?');
  return {
    name: 'order_events',
    table: statusTable,
    columns,
    rows: tableRows(schema, { table: statusTable, columns, key: ['id'] }),
    mutable: false,
    externalId: (row) => String(row[0]),
    map(row): Mapped {
      const [id, orderId = null] = row;
      if (order.get([orderId]) === undefined) return held(String(id), 'orphan', `there is no order ${String(orderId)}`);
      return { kind: 'part', entity: 'order', externalId: String(orderId) };
    },
  };
}
