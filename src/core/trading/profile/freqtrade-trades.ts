import type { Connection } from '../../sqlite/connection.ts';
import { absolute, divideHalfEven } from '../decimal.ts';
import type { Offender } from '../rule/rule.ts';
import { exactOf, exactOne, exactOrZero } from './exact.ts';
import type { HasColumn } from './profile.ts';

/** What follows for a trade from its orders, by freqtrade's own formulas, in exact decimals. */

interface Row {
  readonly id: number;
  readonly isOpen: number;
  readonly isShort: number;
  readonly mode: string | null;
  readonly amount: unknown;
  readonly profit: unknown;
  readonly feeOpen: unknown;
  readonly feeClose: unknown;
  readonly funding: unknown;
  readonly precision: number | null;
  readonly precisionMode: number | null;
  readonly side: string;
  readonly filled: unknown;
  readonly feeBase: unknown;
  readonly rate: unknown;
}

interface Trade {
  readonly row: Row;
  entries: bigint;
  exits: bigint;
  lastExit: bigint;
  /** Value of what is held, at what it was bought for. */
  stake: bigint;
  held: bigint;
  profit: bigint;
  turnover: bigint;
}

const times = (left: bigint, right: bigint): bigint => divideHalfEven(left * right, exactOne);

function* tradesOf(connection: Connection, has: HasColumn): Generator<Trade> {
  const column = (table: 't' | 'o', name: string): string =>
    has(table === 't' ? 'trades' : 'orders', name) ? `${table}.${name}` : 'NULL';
  const sql = `
    SELECT t.id, t.is_open AS isOpen, coalesce(${column('t', 'is_short')}, 0) AS isShort, ${column('t', 'trading_mode')} AS mode,
           t.amount, t.close_profit_abs AS profit, t.fee_open AS feeOpen, t.fee_close AS feeClose,
           ${column('t', 'funding_fees')} AS funding, ${column('t', 'amount_precision')} AS precision,
           ${column('t', 'precision_mode')} AS precisionMode, o.ft_order_side AS side, o.filled,
           ${column('o', 'ft_fee_base')} AS feeBase, coalesce(${column('o', 'average')}, o.price) AS rate
    FROM main.trades t JOIN main.orders o ON o.ft_trade_id = t.id
    WHERE o.filled > 0 ORDER BY t.id, o.id`;
  let trade: Trade | undefined;
  for (const row of connection.iterate<Row>(sql)) {
    if (trade !== undefined && trade.row.id !== row.id) yield trade;
    if (trade?.row.id !== row.id) {
      trade = { row, entries: 0n, exits: 0n, lastExit: 0n, stake: 0n, held: 0n, profit: 0n, turnover: 0n };
    }
    apply(trade, row);
  }
  if (trade !== undefined) yield trade;
}

function apply(trade: Trade, row: Row): void {
  const filled = exactOrZero(row.filled);
  const rate = exactOrZero(row.rate);
  const value = times(filled, rate);
  trade.turnover += value;
  if (row.side === (row.isShort ? 'sell' : 'buy')) {
    const kept = filled - exactOrZero(row.feeBase);
    trade.entries += kept;
    trade.held += kept;
    trade.stake += times(kept, rate);
    return;
  }
  trade.exits += filled;
  trade.lastExit = filled;
  const opened = trade.held === 0n ? 0n : divideHalfEven(trade.stake * filled, trade.held);
  const direction = row.isShort ? -1n : 1n;
  const close = value - direction * times(value, exactOrZero(row.feeClose));
  const open = opened + direction * times(opened, exactOrZero(row.feeOpen));
  trade.profit += direction * (close - open);
  trade.stake -= opened;
  trade.held -= filled;
}

/** While closing, freqtrade leaves the amount that the last exit sold. It cuts the amount to the venue's precision. */
export function* amountOffenders(connection: Connection, has: HasColumn): Generator<Offender> {
  for (const trade of tradesOf(connection, has)) {
    const { row, entries, exits, lastExit } = trade;
    const amount = exactOf(row.amount);
    const left = entries - exits + (row.isOpen ? 0n : lastExit);
    if (amount === undefined || absolute(amount - left) < lotOf(row)) continue;
    yield { subject: `trade ${row.id}`, pair: `t${row.id}` };
  }
}

/** Precision mode 2 counts decimals, 4 is a tick size; others are not told by the file. */
function lotOf({ precision, precisionMode }: Row): bigint {
  if (precision === null) return 10_000n;
  if (precisionMode === 2 && precision >= 0 && precision <= 12) return 10n ** BigInt(12 - Math.trunc(precision));
  return precisionMode === 4 ? exactOrZero(precision) : 10_000n;
}

/** Margin trades pay interest that is not in the file. The tolerance is a millionth of what was traded. */
export function* profitOffenders(connection: Connection, has: HasColumn): Generator<Offender> {
  for (const trade of tradesOf(connection, has)) {
    const { row } = trade;
    const stored = exactOf(row.profit);
    if (row.isOpen || stored === undefined || row.mode?.toUpperCase() === 'MARGIN') continue;
    const computed = trade.profit + exactOrZero(row.funding);
    if (absolute(computed - stored) <= trade.turnover / 1_000_000n + 10_000n) continue;
    yield { subject: `trade ${row.id}`, pair: `t${row.id}` };
  }
}
