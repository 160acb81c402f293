import type { ColumnFate, SourceReader, SourceStream, SourceSystem } from '../source.ts';
import { tableRows } from '../table-rows.ts';
import { columnFates } from './columns.ts';
import { detectFreqtrade } from './detect.ts';
import { funding } from './funding.ts';
import { locks } from './locks.ts';
import { mapOrder, orderColumns } from './order.ts';
import { FreqtradePorts } from './ports.ts';
import { customData, keyValues, walletHistory } from './state.ts';
import { FreqtradeTotals } from './totals.ts';
import { TradeOrders } from './trade-orders.ts';
import { trades } from './trades.ts';

/** Freqtrade's `tradesv3.sqlite`, of every release since 2020.9. */
export const freqtrade: SourceSystem = {
  name: 'freqtrade',
  detect: detectFreqtrade,
  open(ports): SourceReader {
    const shared = new FreqtradePorts(ports);
    const orders = new TradeOrders(ports.schema);
    const fates = columnFates(ports.schema);
    const streams = streamsOf(shared, orders, fates);
    const totals = new FreqtradeTotals(shared, streams);
    return {
      streams,
      columns: fates,
      totals: (record, held) => totals.record(record, held),
      recompute: (imported, record) => totals.recompute(imported, record),
    };
  },
};

function streamsOf(shared: FreqtradePorts, orders: TradeOrders, fates: readonly ColumnFate[]): SourceStream[] {
  const { schema } = shared;
  const unknownColumns = fates.filter(({ table, fate }) => table === 'orders' && fate === 'unknown');
  const streams: SourceStream[] = [
    orderStream(
      shared,
      orders,
      unknownColumns.map(({ column }) => column),
    ),
    trades(shared, orders),
  ];
  if (schema.has('orders', 'funding_fee')) streams.push(funding(shared));
  if (schema.has('pairlocks')) {
    streams.push(
      locks({
        schema,
        account: shared.account,
        instrumentOf: (pair) => shared.instrumentByPair(pair),
        timeOf: (value) => shared.timeOf(value),
      }),
    );
  }
  if (schema.has('KeyValueStore')) streams.push(keyValues(shared));
  if (schema.has('trade_custom_data')) streams.push(customData(shared));
  if (schema.has('wallet_history')) streams.push(walletHistory(shared));
  return streams;
}

function orderStream(shared: FreqtradePorts, orders: TradeOrders, unknownColumns: readonly string[]): SourceStream {
  const columns = [...orderColumns, ...unknownColumns];
  const ports = { shared, orders, notes: shared.ports.notes, unknownColumns };
  return {
    name: 'orders',
    table: 'orders',
    columns,
    rows: shared.afresh(tableRows(shared.schema, { table: 'orders', columns, key: ['id'] })),
    mutable: true,
    externalId: (row) => String(row[0]),
    map: (row) => mapOrder(row, ports),
  };
}
