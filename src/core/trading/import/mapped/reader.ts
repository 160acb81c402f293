import { TradedbError } from '../../../error.ts';
import type { Mapping } from '../../mapping/mapping.ts';
import { SourceTime } from '../../mapping/source-time.ts';
import type { StreamName } from '../../mapping/stream-columns.ts';
import { Zone } from '../../mapping/zone.ts';
import type { SourceCatalog } from '../catalog.ts';
import type { ColumnFate, Notes, ReaderOptions, SourceReader, SourceStream } from '../source.ts';
import { funding, locks, state } from './account-rows.ts';
import { candles } from './candles.ts';
import { type Bound, bind, columnOf } from './fields.ts';
import { ordersOfFills } from './fills.ts';
import { eventParts, fillParts, KnownOrders } from './known-orders.ts';
import { quotes, ticks } from './market.ts';
import { MappedNames } from './names.ts';
import { OrderParts } from './order-parts.ts';
import { orders } from './orders.ts';
import type { MappedPorts } from './ports.ts';
import type { JoinedTable, MappedTable } from './table.ts';
import { recordTotals } from './totals.ts';

/** Where the rows of a mapping come from. */
export interface MappedTables {
  /** A table or file as `from` names it. */
  open(from: string): MappedTable;
  /** The same with look-ups by column, which orders and their parts need. */
  join(from: string): JoinedTable;
  /** Tables that no stream reads. */
  readonly others: readonly string[];
  close(): void;
}

export interface MappedReaderPorts {
  readonly mapping: Mapping;
  readonly tables: MappedTables;
  readonly catalog: SourceCatalog;
  readonly options: ReaderOptions;
  readonly notes: Notes;
}

const joined: ReadonlySet<StreamName> = new Set(['orders', 'fills', 'order_events']);

/** Reads what a mapping file describes. Throws `config_invalid` where it does not fit the source. */
export function mappedReader({ mapping, tables, catalog, options, notes }: MappedReaderPorts): SourceReader {
  const zone = options.timezone ?? mapping.timezone ?? 'UTC';
  const names = new MappedNames(catalog, options);
  let isMuted = false;
  const heard: Notes = {
    add: (note, times) => {
      if (!isMuted) notes.add(note, times);
    },
  };
  const ports: MappedPorts = { names, time: new SourceTime(zone), zone: new Zone(zone), options, notes: heard };
  const hasOrders = mapping.streams.orders !== undefined;
  const bound = new Map<StreamName, Bound>();
  for (const [name, stream] of Object.entries(mapping.streams) as [StreamName, Mapping['streams']['orders']][]) {
    if (stream === undefined) continue;
    const table = joined.has(name) ? tables.join(stream.from) : tables.open(stream.from);
    bound.set(name, bind(name, stream as never, { table, hasOrders }));
    const hasNoVenue = name === 'order_events' || name === 'state' || (name === 'fills' && hasOrders);
    if (!hasNoVenue) names.requireVenue(bound.get(name)?.fields ?? {}, name);
  }
  if (bound.has('order_events') && !bound.has('orders')) {
    throw new TradedbError('config_invalid', 'streams.order_events needs streams.orders, whose life they tell');
  }
  if (bound.has('fills') && (mapping.streams.orders?.key.length ?? 1) > 1) {
    throw new TradedbError(
      'config_invalid',
      'streams.orders: orders with fills need a key of one column, which fills name',
    );
  }
  const streams = streamsOf(bound, ports);
  return {
    streams,
    columns: [...bound.values()].flatMap(fatesOf).concat(tables.others.map(unknownTable)),
    totals(record, held): void {
      // The rows are mapped once more, and have told already what there is to tell.
      isMuted = true;
      recordTotals(streams, record, held);
      isMuted = false;
    },
    close: () => tables.close(),
  };
}

function streamsOf(all: ReadonlyMap<StreamName, Bound>, ports: MappedPorts): SourceStream[] {
  const of = <T>(name: StreamName, make: (bound: Bound<never>) => T): T[] => {
    const bound = all.get(name);
    return bound === undefined ? [] : [make(bound as Bound<never>)];
  };
  const [orderRows, fillRows, eventRows] = (['orders', 'fills', 'order_events'] as const).map((name) =>
    all.get(name),
  ) as (Bound<JoinedTable> | undefined)[];
  const parts = new OrderParts(fillRows, eventRows, ports);
  const known = orderRows === undefined ? undefined : new KnownOrders(orderRows);
  return [
    ...of('orders', (bound) => orders(bound, parts, ports)),
    ...of('fills', (bound) => (known === undefined ? ordersOfFills(bound, ports) : fillParts(bound, known))),
    ...of('order_events', (bound) => eventParts(bound, known as KnownOrders)),
    ...of('funding', (bound) => funding(bound, ports)),
    ...of('locks', (bound) => locks(bound, ports)),
    ...of('state', (bound) => state(bound, ports)),
    ...of('candles', (bound) => candles(bound, ports)),
    ...of('ticks', (bound) => ticks(bound, ports)),
    ...of('quotes', (bound) => quotes(bound, ports)),
  ];
}

/** What became of each column of the table of a stream. */
function fatesOf({ name, stream, table, unread }: Bound): ColumnFate[] {
  const unreadNames = new Set(unread.map(([column]) => column));
  return table.columns
    .filter((column) => !table.ownColumns.includes(column))
    .map((column): ColumnFate => {
      if (unreadNames.has(column)) {
        const isKept = name === 'orders';
        return {
          table: table.name,
          column,
          fate: isKept ? 'attribute' : 'dropped',
          target: isKept ? 'external_attributes' : null,
          reason: isKept ? null : 'the mapping does not name it',
        };
      }
      const filled = Object.keys(stream.columns).filter((into) => columnOf(stream, into) === column);
      const target = filled.map((into) => `${name}.${into}`).join(', ');
      return {
        table: table.name,
        column,
        fate: 'mapped',
        target: target === '' ? 'external_refs.external_id' : target,
        reason: null,
      };
    });
}

const unknownTable = (table: string): ColumnFate => {
  return { table, column: '*', fate: 'unknown', target: null, reason: 'the mapping does not name it' };
};
