import { attributeOf } from '../attribute.ts';
import type { SourceStream } from '../source.ts';
import { tableRows } from '../table-rows.ts';
import type { AttributesUnit } from '../unit.ts';
import type { FreqtradePorts } from './ports.ts';
import type { TradeOrders } from './trade-orders.ts';

/** Columns whose content the orders carry, or that only serve the comparison at the end. */
export const carriedByOrders: ReadonlySet<string> = new Set([
  'id',
  'exchange',
  'pair',
  'base_currency',
  'stake_currency',
  'trading_mode',
  'strategy',
  'fee_open',
  'fee_close',
  'fee_open_currency',
  'fee_close_currency',
]);

/** A trade binds orders. It has no table of its own: what it says beyond its orders is kept as attributes. */
export function trades(shared: FreqtradePorts, orders: TradeOrders): SourceStream {
  const columns = shared.schema.columns('trades').map(({ name }) => name);
  const idAt = columns.indexOf('id');
  return {
    name: 'trades',
    table: 'trades',
    columns,
    rows: shared.afresh(tableRows(shared.schema, { table: 'trades', columns, key: ['id'] })),
    mutable: true,
    externalId: (row) => String(row[idAt]),
    map(row): AttributesUnit {
      const id = row[idAt] ?? null;
      const attributes: Record<string, unknown> = {};
      for (const [at, column] of columns.entries()) {
        const value = row[at] ?? null;
        if (value !== null && !carriedByOrders.has(column)) attributes[column] = attributeOf(value);
      }
      const trade = shared.trade(id);
      const order = trade === undefined ? undefined : orders.firstEntry(trade, id);
      if (order === undefined) shared.ports.notes.add('trades without orders: kept as attributes alone');
      return {
        kind: 'attributes',
        entity: 'trade',
        externalId: String(id),
        attributes,
        order: order === undefined ? undefined : String(order),
      };
    },
  };
}
