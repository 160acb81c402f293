import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { Offender } from '../rule/rule.ts';
import type { HasColumn, ProfileRule } from './profile.ts';

const orderLink = `'order ' || o.id AS subject, o.id AS order_id`;
const fillLink = `'fill ' || f.exchange_trade_id || ' of ' || f.order_id AS subject, f.exchange_trade_id AS fill_id, f.order_id AS order_id`;
/** From this version on, prices and amounts are millionths. */
const scaledSince = 20_220_130;
/** Fewer units have fewer than four digits left of what the venue said. */
const fewUnits = 1000;

/** What must be true of a Hummingbot file; its own names are in mixed case, and "Order" is a reserved word. */
export const hummingbotRules: readonly ProfileRule[] = [
  {
    id: 'HB05',
    tier: 'daily',
    severity: 'critical',
    sentence: 'a column of whole numbers holds whole numbers',
    after: [],
    needs: ['TradeFill', 'Order'],
    sql: (has) =>
      wholeColumns
        .filter(({ table, column }) => has(table, column))
        .map(fractionSql)
        .join(' UNION ALL '),
    confirm: (_row, connection) => isScaled(connection),
  },
  {
    id: 'HB06',
    tier: 'daily',
    severity: 'critical',
    sentence: 'a time is in the unit of its table',
    after: ['HB05'],
    needs: ['TradeFill.timestamp'],
    sql: timeSql,
  },
  {
    id: 'HB03',
    tier: 'daily',
    severity: 'warning',
    sentence: 'every fill has its order',
    after: [],
    needs: ['TradeFill.order_id', 'Order'],
    sql: () => `
      SELECT ${fillLink} FROM main.TradeFill f WHERE NOT EXISTS (SELECT 1 FROM main."Order" o WHERE o.id = f.order_id)`,
  },
  {
    id: 'HB04',
    tier: 'daily',
    severity: 'warning',
    sentence: 'prices and amounts kept their digits: none is 0 or under 1,000 millionths',
    after: ['HB05'],
    needs: ['TradeFill.price', 'TradeFill.amount'],
    sql: () => `
      SELECT ${fillLink} FROM main.TradeFill f WHERE abs(f.price) < ${fewUnits} OR abs(f.amount) < ${fewUnits}`,
    confirm: (_row, connection) => isScaled(connection),
  },
  {
    id: 'HB02',
    tier: 'daily',
    severity: 'critical',
    sentence: "an order's last status is its last event",
    after: [],
    needs: ['Order.last_status', 'OrderStatus'],
    sql: () => `
      SELECT ${orderLink} FROM main."Order" o WHERE o.last_status <> (
        SELECT s.status FROM main.OrderStatus s WHERE s.order_id = o.id ORDER BY s.timestamp DESC, s.id DESC LIMIT 1)`,
  },
  {
    id: 'HB01',
    tier: 'daily',
    severity: 'critical',
    sentence: 'a completed order was filled, by its whole amount',
    after: ['HB02', 'HB05'],
    needs: ['Order.last_status', 'Order.amount', 'TradeFill.amount'],
    // Each fill may have lost a millionth when it was cut.
    sql: () => `
      SELECT ${orderLink}, o.amount AS amount, n.fills AS fills, n.filled AS filled FROM main."Order" o JOIN (
        SELECT o.id, count(f.order_id) AS fills, coalesce(sum(f.amount), 0) AS filled
        FROM main."Order" o LEFT JOIN main.TradeFill f ON f.order_id = o.id
        WHERE o.last_status IN ('BuyOrderCompleted', 'SellOrderCompleted') GROUP BY o.id) n USING (id)
      WHERE n.fills = 0 OR abs(n.filled - o.amount) > n.fills`,
    confirm: isFilledOtherwise,
  },
  {
    id: 'HB07',
    tier: 'daily',
    severity: 'warning',
    sentence: 'JSON can be read',
    after: [],
    needs: ['TradeFill'],
    sql: (has) =>
      jsonColumns
        .filter(({ table, column }) => has(table, column))
        .map(
          ({ table, column }) =>
            `SELECT '${table} ' || rowid || ' ${column}' AS subject FROM main.${table} WHERE ${column} IS NOT NULL AND NOT json_valid(${column})`,
        )
        .join(' UNION ALL '),
  },
  {
    id: 'HB08',
    tier: 'daily',
    severity: 'warning',
    sentence: 'a market has one saved state',
    after: [],
    needs: ['MarketState.config_file_path', 'MarketState.market'],
    sql: () => `
      SELECT 'market state ' || config_file_path || ' ' || market AS subject FROM main.MarketState
      GROUP BY config_file_path, market HAVING count(*) > 1`,
  },
  {
    id: 'HB09',
    tier: 'quick',
    severity: 'warning',
    sentence: 'the version in Metadata is the one that the columns show',
    after: [],
    needs: ['Metadata', 'TradeFill'],
    inspect: wrongVersion,
  },
  {
    id: 'HB10',
    tier: 'quick',
    severity: 'warning',
    sentence: 'no index is the beginning of another',
    after: [],
    needs: ['TradeFill'],
    inspect: prefixIndexes,
  },
];

const wholeColumns = [
  { table: 'Order', column: 'amount' },
  { table: 'Order', column: 'price' },
  { table: 'Order', column: 'creation_timestamp' },
  { table: 'TradeFill', column: 'amount' },
  { table: 'TradeFill', column: 'price' },
  { table: 'TradeFill', column: 'timestamp' },
  { table: 'OrderStatus', column: 'timestamp' },
];

const jsonColumns = [
  { table: 'TradeFill', column: 'trade_fee' },
  { table: 'MarketState', column: 'saved_state' },
  { table: 'MarketData', column: 'order_book' },
  { table: 'Executors', column: 'config' },
];

function fractionSql({ table, column }: { table: string; column: string }): string {
  const quoted = quoteIdentifier(table);
  const order = table === 'Order' ? 'id' : 'order_id';
  const isFraction = `typeof(${column}) IN ('text', 'blob') OR (typeof(${column}) = 'real' AND ${column} <> round(${column}))`;
  return `SELECT '${table} ' || ${order} || ' ${column}' AS subject, ${order} AS order_id FROM main.${quoted} WHERE ${isFraction}`;
}

/** Milliseconds but for market data, which is nanoseconds, and funding, whose unit is the connector's own. */
function timeSql(has: HasColumn): string {
  const outside = (column: string, from: string, to: string): string =>
    `NOT (${column} >= ${from} AND ${column} < ${to})`;
  const parts = [
    `SELECT ${fillLink} FROM main.TradeFill f WHERE ${outside('f.timestamp', '1e11', '1e14')}`,
    `SELECT ${orderLink.replace('AS subject', 'AS subject, NULL AS fill_id')} FROM main."Order" o
     WHERE ${outside('o.creation_timestamp', '1e11', '1e14')}`,
  ];
  if (has('OrderStatus', 'timestamp')) {
    parts.push(`SELECT 'status ' || s.id || ' of ' || s.order_id, NULL, s.order_id FROM main.OrderStatus s
                WHERE ${outside('s.timestamp', '1e11', '1e14')}`);
  }
  if (has('MarketData', 'timestamp')) {
    parts.push(
      `SELECT 'market data ' || m.rowid, NULL, NULL FROM main.MarketData m WHERE ${outside('m.timestamp', '1e17', '1e20')}`,
    );
  }
  if (has('FundingPayment', 'timestamp')) {
    parts.push(`SELECT 'funding payment ' || p.timestamp, NULL, NULL FROM main.FundingPayment p
                WHERE p.timestamp <= 0 OR (p.timestamp < 1e11) <> (SELECT max(timestamp) < 1e11 FROM main.FundingPayment x
                                                                  WHERE x.market = p.market)`);
  }
  return parts.join(' UNION ALL ');
}

function isFilledOtherwise(row: Offender & Readonly<Record<string, unknown>>): boolean {
  const [amount, filled, fills] = [row.amount, row.filled, row.fills].map((value) =>
    typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value,
  );
  if (typeof amount !== 'bigint' || typeof filled !== 'bigint' || typeof fills !== 'bigint') return true;
  const difference = amount > filled ? amount - filled : filled - amount;
  return fills === 0n || difference > fills;
}

function versionOf(connection: Connection): number | undefined {
  const there = connection.value("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'Metadata'");
  if (there === undefined) return undefined;
  const value = connection.value(`SELECT value FROM main.Metadata WHERE key = 'local_db_version'`);
  return value === undefined || value === null ? undefined : Number(value);
}

/** Before that, prices and amounts are REAL in units, and fractions are right. */
function isScaled(connection: Connection): boolean {
  return (versionOf(connection) ?? 0) >= scaledSince;
}

function* wrongVersion(connection: Connection, has: HasColumn): Generator<Offender> {
  const version = versionOf(connection) ?? 0;
  const marks: readonly [number, string, string][] = [
    [20_210_118, 'Order', 'exchange_order_id'],
    [20_210_119, 'TradeFill', 'leverage'],
    [20_230_516, 'TradeFill', 'trade_fee_in_quote'],
  ];
  for (const [since, table, column] of marks) {
    if (version >= since && !has(table, column)) yield { subject: `version ${version}, but no ${table}.${column}` };
    if (version < since && has(table, column)) yield { subject: `version ${version}, but there is ${table}.${column}` };
  }
}

function* prefixIndexes(connection: Connection): Generator<Offender> {
  const rows = connection.all<{ tbl: string; name: string; columns: string; isUnique: number }>(`
    SELECT m.name AS tbl, l.name AS name, l."unique" AS isUnique,
           (SELECT group_concat(name, char(31)) FROM (SELECT i.name FROM pragma_index_info(l.name, 'main') i ORDER BY i.seqno)) AS columns
    FROM main.sqlite_schema m JOIN pragma_index_list(m.name, 'main') l WHERE m.type = 'table' AND l.partial = 0`);
  for (const row of rows) {
    const longer = rows.find(
      (other) =>
        other.tbl === row.tbl && other.name !== row.name && `${other.columns}\u001f`.startsWith(`${row.columns}\u001f`),
    );
    if (longer === undefined || row.isUnique === 1) continue;
    if (longer.columns === row.columns && longer.isUnique === 0 && longer.name > row.name) continue;
    yield { subject: `${row.tbl}.${row.name} begins ${longer.name}` };
  }
}
