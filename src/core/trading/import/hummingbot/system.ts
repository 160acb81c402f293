import { type Connection, openTemporary } from '../../../sqlite/connection.ts';
import { SourceTime } from '../../mapping/source-time.ts';
import { columnFates } from '../column-fates.ts';
import type { ReaderPorts, SourceReader, SourceSystem } from '../source.ts';
import type { SourceSchema } from '../source-schema.ts';
import { detectHummingbot } from './detect.ts';
import { EventsOfOrder, statuses, statusTable } from './events.ts';
import { FillsOfOrder, fills } from './fills.ts';
import { funding, fundingTable } from './funding.ts';
import { marketData, marketTable } from './market-data.ts';
import { orders } from './orders.ts';
import { HummingbotFile } from './ports.ts';
import { keptTables, marketState, marketStates, strategyState } from './state.ts';
import { recordTotals } from './totals.ts';

/** The file of a Hummingbot instance or script. */
export const hummingbotSystem: SourceSystem = {
  name: 'hummingbot',
  detect: detectHummingbot,
  open(ports: ReaderPorts): SourceReader {
    const { schema } = ports;
    const file = new HummingbotFile(ports, new SourceTime('UTC'));
    let temporary: Connection | undefined;
    const place = (): Connection => {
      temporary ??= openTemporary(schema.connection.ports);
      return temporary;
    };
    const fillsOf = new FillsOfOrder(file, place);
    const eventsOf = new EventsOfOrder(file);
    const has = (table: string, ...columns: string[]): boolean => schema.has(table, ...columns);
    return {
      streams: [
        orders(file, { fillsOf, eventsOf }),
        fills(file, fillsOf),
        ...(has(statusTable, 'id', 'order_id') ? [statuses(file)] : []),
        ...(has(fundingTable, 'timestamp', 'amount') ? [funding(file)] : []),
        ...(has(marketTable, 'timestamp', 'best_bid') ? [marketData(file)] : []),
        ...(has(marketStates, 'id', 'saved_state') ? [marketState(file)] : []),
        ...strategyState(file),
      ],
      columns: columnFates(schema, knownColumns(schema)),
      totals: (record, held) => recordTotals(file, record, held),
      close: () => temporary?.close(),
    };
  },
};

function knownColumns(schema: SourceSchema): Record<string, Record<string, string>> {
  const names = {
    symbol: 'instruments.symbol',
    market: 'venues.code',
    base_asset: 'assets.code',
    quote_asset: 'assets.code',
  };
  const strategy = { config_file_path: 'strategies.version', strategy: 'strategies.name' };
  return {
    Order: {
      ...names,
      ...strategy,
      id: 'orders.client_order_id',
      exchange_order_id: 'orders.venue_order_id',
      creation_timestamp: 'orders.created_us',
      last_update_timestamp: 'orders.updated_us',
      order_type: 'orders.type',
      amount: 'orders.qty',
      price: 'orders.price',
      last_status: 'orders.status',
      leverage: 'attribute',
      position: 'attribute',
    },
    OrderStatus: {
      id: 'derived: order of the events',
      order_id: 'order_events.order_id',
      timestamp: 'order_events.event_us',
      status: 'order_events.to_status',
    },
    TradeFill: {
      ...names,
      ...strategy,
      id: 'dropped: a number of the table, before 2022',
      timestamp: 'fills.exec_us',
      order_id: 'fills.order_id',
      trade_type: 'fills.side',
      order_type: 'derived: that of its order',
      price: 'fills.price',
      amount: 'fills.qty',
      trade_fee: 'fills.fee',
      trade_fee_in_quote: 'derived: the fee, where its token has no price',
      exchange_trade_id: 'fills.venue_trade_id',
      leverage: 'dropped: that of its order is kept',
      position: 'dropped: that of its order is kept',
    },
    FundingPayment: {
      ...names,
      timestamp: 'funding_payments.due_us',
      rate: 'funding_payments.rate_e9',
      amount: 'funding_payments.amount',
      config_file_path: 'dropped: not of the account',
    },
    MarketData: {
      timestamp: 'quotes.ts_us',
      exchange: 'venues.code',
      trading_pair: 'instruments.symbol',
      best_bid: 'quotes.bid_px',
      best_ask: 'quotes.ask_px',
      order_book: 'quote_levels',
      mid_price: 'dropped: half of the sum of both prices',
    },
    Metadata: { '*': 'derived: the version' },
    [marketStates]: { '*': 'engine_state.value' },
    ...Object.fromEntries(keptTables.map((table) => [table, { '*': 'engine_state.value' }])),
    ...(schema.has('alembic_version') ? { alembic_version: { '*': 'dropped: of the migrations of the source' } } : {}),
  };
}
