import { knownColumns } from '../../profile/freqtrade-columns.ts';
import type { ColumnFate } from '../source.ts';
import type { SourceSchema } from '../source-schema.ts';
import { carriedByOrders } from './trades.ts';

type Fate = Pick<ColumnFate, 'fate' | 'target' | 'reason'>;

const mapped = (target: string): Fate => ({ fate: 'mapped', target, reason: null });
const derived = (target: string, reason: string): Fate => ({ fate: 'derived', target, reason });
const attribute: Fate = { fate: 'attribute', target: 'external_attributes', reason: null };
const compared = (reason: string): Fate => ({ fate: 'attribute', target: 'external_attributes', reason });

const tradeFates: Readonly<Record<string, Fate>> = {
  id: mapped('external_refs'),
  exchange: mapped('venues.code'),
  pair: mapped('instruments.symbol'),
  trading_mode: mapped('instruments.kind'),
  base_currency: derived('assets.code', 'the pair names it'),
  stake_currency: derived('assets.code', 'the pair names it'),
  strategy: mapped('strategies.name'),
  fee_open: derived('fills.fee', 'rate x notional where no fee is told'),
  fee_close: derived('fills.fee', 'rate x notional where no fee is told'),
  fee_open_currency: derived('fills.fee_asset_id', 'a third currency of a single order'),
  fee_close_currency: derived('fills.fee_asset_id', 'a third currency of a single order'),
  amount: compared('compared with the orders at the end'),
  close_profit_abs: compared('compared with the orders at the end'),
  funding_fees: compared('on the orders too; part of the profit that is compared'),
  amount_precision: derived('instruments.lot_size', 'kept as an attribute too'),
  price_precision: derived('instruments.tick_size', 'kept as an attribute too'),
};

const orderFates: Readonly<Record<string, Fate>> = {
  id: mapped('external_refs, orders.client_order_id'),
  ft_trade_id: mapped('orders.parent_order_id'),
  ft_order_side: derived('orders.side', 'where side is missing'),
  ft_pair: derived('orders.instrument_id', 'must be the pair of the trade'),
  ft_is_open: derived('orders.status', 'where status is missing'),
  order_id: mapped('orders.venue_order_id'),
  status: mapped('orders.status'),
  symbol: derived('orders.instrument_id', 'repeats the pair'),
  order_type: mapped('orders.type'),
  side: mapped('orders.side'),
  price: mapped('orders.price'),
  average: mapped('fills.price'),
  amount: mapped('orders.qty'),
  filled: mapped('fills.qty'),
  remaining: derived('orders.leaves_qty', 'amount less filled'),
  cost: mapped('fills.notional'),
  stop_price: mapped('orders.stop_price'),
  order_date: mapped('orders.created_us'),
  order_filled_date: mapped('fills.exec_us'),
  order_update_date: mapped('orders.updated_us'),
  funding_fee: mapped('funding_payments.amount'),
  ft_fee_base: mapped('fills.fee'),
  ft_amount: derived('orders.qty', 'where amount is missing; kept as an attribute where it differs'),
  ft_price: derived('orders.price', 'where price is missing; kept as an attribute where it differs'),
  ft_cancel_reason: mapped('order_events.note'),
  ft_order_tag: attribute,
};

const targets: Readonly<Record<string, string>> = {
  pairlocks: 'trading_locks',
  KeyValueStore: 'engine_state',
  trade_custom_data: 'engine_state',
  wallet_history: 'external_attributes',
};

/** What becomes of each column; whole tables of somebody else, and those that a migration of the bot left, are not read. */
export function columnFates(schema: SourceSchema): ColumnFate[] {
  return schema.tables.flatMap((table): ColumnFate[] => {
    const known = knownColumns.get(table);
    if (known === undefined && targets[table] === undefined) {
      const reason = /_bak\d*$/.test(table) ? 'left by a migration of freqtrade' : 'no table of freqtrade';
      return [{ table, column: '*', fate: 'dropped', target: null, reason }];
    }
    return schema.columns(table).map(({ name }) => ({ table, column: name, ...fateOf(table, name, known) }));
  });
}

function fateOf(table: string, column: string, known: ReadonlySet<string> | undefined): Fate {
  if (known !== undefined && !known.has(column)) {
    const isKept = table === 'trades' || table === 'orders';
    return {
      fate: 'unknown',
      target: isKept ? 'external_attributes' : null,
      reason: 'a newer release than this knows',
    };
  }
  if (table === 'orders') return orderFates[column] ?? attribute;
  if (table === 'trades') return tradeFates[column] ?? (carriedByOrders.has(column) ? mapped('orders') : attribute);
  return mapped(targets[table] ?? table);
}
