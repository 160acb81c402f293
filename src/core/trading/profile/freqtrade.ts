import type { Connection } from '../../sqlite/connection.ts';
import type { Offender } from '../rule/rule.ts';
import { exactOf, exactOrZero } from './exact.ts';
import { freqtradeRules } from './freqtrade-rules.ts';
import type { HasColumn, Profile } from './profile.ts';

/** UTC text with six digits. */
const us = (column: string): string =>
  `(unixepoch(substr(${column}, 1, 19)) * 1000000 + CAST(substr(substr(${column}, 21) || '000000', 1, 6) AS INTEGER))`;

/** A filter only: a product beyond 2^63 saturates, and each hit is computed again. */
const scaled = (column: string): string => `CAST(round(${column} * 1e8) AS INTEGER)`;

export const freqtrade: Profile = {
  name: 'freqtrade',
  tables: ['trades', 'orders', 'pairlocks'],
  applies: ['I25', 'I20', 'I03', 'I05', 'I27'],
  views,
  confirm: { I03: isWorseThanLimit, I20: isNoWholeLot },
  rules: freqtradeRules,
};

function views(has: HasColumn): Record<string, string> {
  const average = has('orders', 'average') ? 'coalesce(o.average, o.price)' : 'o.price';
  const lot = has('trades', 'precision_mode')
    ? `CASE precision_mode WHEN 2 THEN CAST(pow(10, 8 - amount_precision) AS INTEGER) WHEN 4 THEN ${scaled('amount_precision')} END`
    : 'NULL';
  const instrument = '(SELECT min(t.id) FROM main.trades t WHERE t.pair = o.ft_pair) AS instrument_id';
  const side = `CASE WHEN lower(coalesce(o.side, o.ft_order_side)) = 'buy' THEN 1 ELSE -1 END AS side`;
  return {
    accounts: 'SELECT 1 AS account_id',
    instruments: `SELECT min(id) AS instrument_id, 1 AS tick_size, coalesce(min(${lot}), 1) AS lot_size FROM main.trades GROUP BY pair`,
    ticks: 'SELECT 0 AS instrument_id, 0 AS ts_us WHERE 0',
    quotes: 'SELECT 0 AS instrument_id, 0 AS ts_us WHERE 0',
    orders: `
      SELECT o.id AS order_id, 1 AS account_id, ${instrument}, ${side},
             CASE WHEN o.order_type LIKE '%stop%' THEN 'stop' WHEN o.order_type = 'limit' THEN 'limit' ELSE 'market' END AS type,
             ${scaled('o.price')} AS price, o.ft_is_open AS is_open,
             ${us('o.order_date')} AS created_us, ${us('coalesce(o.order_update_date, o.order_date)')} AS updated_us
      FROM main.orders o`,
    fills: `
      SELECT o.id AS fill_id, o.id AS order_id, 1 AS account_id, ${instrument}, ${side},
             ${scaled(average)} AS price, ${scaled('o.filled')} AS qty, 1 AS synthetic, 0 AS busted,
             ${us('coalesce(o.order_filled_date, o.order_update_date, o.order_date)')} AS exec_us
      FROM main.orders o WHERE o.filled > 0`,
  };
}

interface RawOrder {
  readonly side: string;
  readonly price: unknown;
  readonly average: unknown;
  readonly filled: unknown;
  readonly precision: number | null;
  readonly mode: number | null;
}

function isWorseThanLimit({ order_id }: Offender, connection: Connection): boolean {
  const row = connection.get<RawOrder>(
    'SELECT lower(coalesce(side, ft_order_side)) AS side, price, average FROM main.orders WHERE id = ?',
    [order_id ?? null],
  );
  const limit = exactOf(row?.price);
  const average = exactOf(row?.average);
  if (limit === undefined || average === undefined) return false;
  return row?.side === 'buy' ? average > limit : average < limit;
}

function isNoWholeLot({ order_id }: Offender, connection: Connection): boolean {
  const row = connection.get<RawOrder>(
    `SELECT o.filled, t.amount_precision AS precision, t.precision_mode AS mode
     FROM main.orders o JOIN main.trades t ON t.id = o.ft_trade_id WHERE o.id = ?`,
    [order_id ?? null],
  );
  const filled = exactOf(row?.filled);
  if (row === undefined || filled === undefined || row.precision === null) return false;
  const lot =
    row.mode === 4 ? exactOrZero(row.precision) : 10n ** BigInt(12 - Math.min(Math.max(row.precision, 0), 12));
  return lot > 0n && filled % lot !== 0n;
}
