import type { SourceStream } from '../source.ts';
import { held, type Mapped } from '../unit.ts';
import { noField, textOf } from './field.ts';
import type { Bound } from './fields.ts';
import type { JoinedTable } from './table.ts';

/** Orders of the source by the text of their key, which is how fills and events name them. */
export class KnownOrders {
  readonly #orders: Bound<JoinedTable>;

  constructor(orders: Bound<JoinedTable>) {
    this.#orders = orders;
  }

  has(id: string): boolean {
    const [column] = this.#orders.stream.key;
    return column !== undefined && this.#orders.table.find(column, id).length > 0;
  }
}

/** Rows that tell the life of an order: each is a part of it, or has none. */
export function eventParts(bound: Bound<JoinedTable>, orders: KnownOrders): SourceStream {
  return orderParts('order_events', bound, orders, (_row, orderId) => ({
    kind: 'part',
    entity: 'order',
    externalId: orderId,
  }));
}

/** Rows of fills whose orders are another stream: each is a part of its order, or has none. */
export function fillParts(bound: Bound<JoinedTable>, orders: KnownOrders): SourceStream {
  return orderParts('fills', bound, orders, (externalId) => ({ kind: 'part', entity: 'fill', externalId }));
}

/** Rows that name an order of another stream; one whose order is not there is held. */
function orderParts(
  name: 'order_events' | 'fills',
  bound: Bound<JoinedTable>,
  orders: KnownOrders,
  part: (externalId: string, orderId: string) => Mapped,
): SourceStream {
  const { table } = bound;
  const order = bound.fields.order ?? noField;
  return {
    name,
    table: table.name,
    columns: table.columns,
    rows: table.rows,
    mutable: table.mutable,
    externalId: bound.externalId,
    map(row): Mapped {
      const externalId = bound.externalId(row);
      const defect = table.defect(row);
      if (defect !== undefined) return held(externalId, defect.reason, defect.detail);
      const id = order.value(row);
      if (id === null || !orders.has(textOf(id))) {
        return held(externalId, 'orphan', id === null ? 'it names no order' : `there is no order ${textOf(id)}`);
      }
      return part(externalId, textOf(id));
    },
  };
}
