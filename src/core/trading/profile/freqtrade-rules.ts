import type { Connection } from '../../sqlite/connection.ts';
import { absolute, divideHalfEven } from '../decimal.ts';
import { SourceTime } from '../mapping/source-time.ts';
import type { Offender } from '../rule/rule.ts';
import { decimalsOf, exactOf, exactOne, exactScale } from './exact.ts';
import { knownColumns } from './freqtrade-columns.ts';
import { amountOffenders, profitOffenders } from './freqtrade-trades.ts';
import type { HasColumn, ProfileRule } from './profile.ts';

const finalStatuses = "'closed', 'canceled', 'cancelled', 'expired', 'rejected'";
const tradeLink = "'trade ' || t.id AS subject, 't' || t.id AS pair";
const orderLink = "'order ' || o.id AS subject, o.id AS order_id, 't' || o.ft_trade_id AS pair";

/** What must be true of a freqtrade file; a pair of links is "t" and the trade, so that one finding can explain another. */
export const freqtradeRules: readonly ProfileRule[] = [
  {
    id: 'FT05',
    tier: 'daily',
    severity: 'critical',
    sentence: 'every order and every custom value has its trade',
    after: [],
    needs: ['orders.ft_trade_id', 'trades'],
    sql: (has) => `
      SELECT ${orderLink} FROM main.orders o
      WHERE NOT EXISTS (SELECT 1 FROM main.trades t WHERE t.id = o.ft_trade_id)
      ${
        has('trade_custom_data', 'ft_trade_id')
          ? `UNION ALL SELECT 'custom data ' || d.id, NULL, 't' || d.ft_trade_id FROM main.trade_custom_data d
             WHERE NOT EXISTS (SELECT 1 FROM main.trades t WHERE t.id = d.ft_trade_id)`
          : ''
      }`,
  },
  {
    id: 'FT06',
    tier: 'daily',
    severity: 'critical',
    sentence: 'an order is of the pair of its trade',
    after: ['FT05'],
    needs: ['orders.ft_pair', 'trades.pair'],
    sql: () => `
      SELECT ${orderLink} FROM main.orders o JOIN main.trades t ON t.id = o.ft_trade_id WHERE o.ft_pair <> t.pair`,
  },
  {
    id: 'FT09',
    tier: 'daily',
    severity: 'critical',
    sentence: 'numbers are stored as numbers',
    after: [],
    needs: ['trades', 'orders'],
    sql: storageSql,
  },
  {
    id: 'FT08',
    tier: 'daily',
    severity: 'warning',
    sentence: 'times can be read, and an end never comes before its start',
    after: [],
    needs: ['trades.open_date', 'trades.close_date', 'orders.order_date'],
    inspect: timeOffenders,
  },
  {
    id: 'FT04',
    tier: 'daily',
    severity: 'critical',
    sentence: 'an order is filled by no more than its amount, and what remains and what it cost follow from that',
    after: ['FT09'],
    needs: ['orders.average', 'orders.filled', 'orders.cost', 'orders.remaining'],
    sql: (has) => `
      SELECT ${orderLink}, o.amount, o.filled, o.remaining, o.average, o.price, o.cost,
             ${has('trades', 'leverage') ? '(SELECT t.leverage FROM main.trades t WHERE t.id = o.ft_trade_id)' : '1'} AS leverage
      FROM main.orders o
      WHERE o.filled > o.amount OR (o.remaining IS NOT NULL AND o.remaining <> o.amount - o.filled)
         OR (o.filled > 0 AND o.cost <> coalesce(o.average, o.price) * o.filled)`,
    confirm: isOrderWrong,
  },
  {
    id: 'FT01',
    tier: 'daily',
    severity: 'critical',
    sentence: "a trade's amount is its entries less its exits",
    after: ['FT05', 'FT06', 'FT04', 'FT09'],
    needs: ['trades.amount', 'orders.filled'],
    inspect: amountOffenders,
  },
  {
    id: 'FT02',
    tier: 'daily',
    severity: 'warning',
    sentence: 'a closed trade has a close date, a close rate and a profit',
    after: [],
    needs: ['trades.close_date', 'trades.close_rate', 'trades.close_profit'],
    sql: () => `
      SELECT ${tradeLink} FROM main.trades t
      WHERE t.is_open = 0 AND (t.close_date IS NULL OR t.close_rate IS NULL OR t.close_profit IS NULL)`,
  },
  {
    id: 'FT03',
    tier: 'daily',
    severity: 'warning',
    sentence: 'no order is open whose status is final or whose trade is closed',
    after: ['FT05'],
    needs: ['orders.ft_is_open', 'orders.status', 'trades.is_open'],
    sql: () => `
      SELECT ${orderLink} FROM main.orders o LEFT JOIN main.trades t ON t.id = o.ft_trade_id
      WHERE o.ft_is_open = 1 AND (o.status IN (${finalStatuses}) OR t.is_open = 0)`,
  },
  {
    id: 'FT07',
    tier: 'daily',
    severity: 'critical',
    sentence: "a closed trade's profit is what its orders and fees make it",
    after: ['FT01', 'FT02', 'FT04', 'FT05', 'FT06', 'FT09'],
    needs: ['trades.close_profit_abs', 'trades.fee_open', 'trades.fee_close', 'orders.average'],
    inspect: profitOffenders,
  },
  {
    id: 'FT10',
    tier: 'quick',
    severity: 'warning',
    sentence: 'no tables are left over from a migration of the bot',
    after: [],
    needs: ['trades'],
    inspect: backupTables,
  },
  {
    id: 'FT11',
    tier: 'quick',
    severity: 'warning',
    sentence: 'every column is known: the file is not of a newer release than this profile',
    after: [],
    needs: ['trades'],
    inspect: unknownColumns,
  },
];

const numeric: Readonly<Record<string, readonly string[]>> = {
  trades: [
    'amount',
    'open_rate',
    'close_rate',
    'stake_amount',
    'close_profit',
    'close_profit_abs',
    'fee_open',
    'fee_close',
  ],
  orders: ['amount', 'filled', 'remaining', 'price', 'average', 'cost', 'ft_fee_base'],
};

function storageSql(has: HasColumn): string {
  return Object.entries(numeric)
    .flatMap(([table, columns]) =>
      columns
        .filter((column) => has(table, column))
        .map((column) => {
          const link =
            table === 'orders' ? "id AS order_id, 't' || ft_trade_id AS pair" : "NULL AS order_id, 't' || id AS pair";
          return `SELECT '${table} ' || id || ' ${column}' AS subject, ${link} FROM main.${table}
                  WHERE typeof(${column}) IN ('text', 'blob')`;
        }),
    )
    .join(' UNION ALL ');
}

/** Exact: the cost may differ by half a unit of the last decimal of the price for each unit filled, as venues round it. */
function isOrderWrong(row: Offender & Readonly<Record<string, unknown>>): boolean {
  const amount = exactOf(row.amount);
  const filled = exactOf(row.filled);
  // What is no number is rule FT09's business.
  if (amount === undefined || filled === undefined) return false;
  const remaining = exactOf(row.remaining);
  if (filled > amount || (remaining !== undefined && remaining !== amount - filled)) return true;
  const rate = row.average ?? row.price;
  const average = exactOf(rate);
  const cost = exactOf(row.cost);
  if (average === undefined || cost === undefined || filled === 0n) return false;
  const halfUnit = 10n ** BigInt(exactScale - Math.min(decimalsOf(rate), 8)) / 2n;
  const isCost = (paid: bigint): boolean =>
    absolute(average * filled - paid * exactOne) <= halfUnit * filled + 10_000n * exactOne;
  // A dry run with leverage stores what was staked, not what was bought.
  const leverage = exactOf(row.leverage) ?? exactOne;
  return !isCost(cost) && !isCost(divideHalfEven(cost * leverage, exactOne));
}

function* timeOffenders(connection: Connection): Generator<Offender> {
  const time = new SourceTime('UTC');
  const wrong = (start: unknown, end: unknown): boolean => {
    const from = start === null ? 0 : time.read(start);
    const to = end === null ? Number.POSITIVE_INFINITY : time.read(end);
    return !(from <= to);
  };
  const trades = 'SELECT id, open_date AS start, close_date AS stop FROM main.trades';
  for (const row of connection.iterate<{ id: number; start: unknown; stop: unknown }>(trades)) {
    if (wrong(row.start, row.stop)) yield { subject: `trade ${row.id}`, pair: `t${row.id}` };
  }
  const orders = 'SELECT id, ft_trade_id AS trade, order_date AS start, order_filled_date AS stop FROM main.orders';
  for (const row of connection.iterate<{ id: number; trade: number; start: unknown; stop: unknown }>(orders)) {
    if (wrong(row.start, row.stop)) yield { subject: `order ${row.id}`, order_id: row.id, pair: `t${row.trade}` };
  }
}

function* backupTables(connection: Connection): Generator<Offender> {
  const names = connection.all<{ name: string }>(
    "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name GLOB '*_bak*' ORDER BY name",
  );
  for (const { name } of names) {
    const bytes = connection.value(
      "SELECT sum(pgsize) FROM dbstat('main', 1) WHERE name IN (SELECT name FROM main.sqlite_schema WHERE tbl_name = ?)",
      [name],
    );
    yield { subject: `${name}, ${bytes} bytes` };
  }
}

function* unknownColumns(connection: Connection): Generator<Offender> {
  for (const [table, known] of knownColumns) {
    const columns = connection.all<{ name: string }>("SELECT name FROM pragma_table_info(?, 'main')", [table]);
    for (const { name } of columns) if (!known.has(name)) yield { subject: `${table}.${name}` };
  }
}
