import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier, quoteText } from '../../sqlite/quote-identifier.ts';
import { exactOf, exactOrZero } from '../profile/exact.ts';
import { filledByFills } from '../profile/grouped.ts';
import type { Profile } from '../profile/profile.ts';
import type { Offender } from '../rule/rule.ts';
import type { ColumnSource, Mapping, Stream } from './mapping.ts';
import type { StreamName } from './stream-columns.ts';

/**
 * Compiles a mapping file to a profile: views named like the reference tables, and the rules for which they have the
 * columns. Prices and quantities in the views are integers of 10^-8, which only filter; the raw value stands beside them
 * and decides.
 */

const viewScale = 8;

/** What a rule of the reference schema needs, as `stream.column`. */
const needs: Readonly<Record<string, readonly string[]>> = {
  I25: [],
  I18: ['fills.venue_trade_id', 'fills.symbol', 'fills.side', 'fills.order'],
  I04: ['fills.order', 'fills.symbol', 'fills.side', 'orders.symbol', 'orders.side'],
  I03: ['fills.order', 'fills.price', 'orders.side', 'orders.type', 'orders.price'],
  I05: ['fills.order', 'fills.exec_us', 'orders.created_us'],
  I01: ['fills.order', 'fills.qty', 'orders.filled_qty'],
  I27: ['orders.is_open', 'orders.updated_us'],
  I21: ['candles.symbol', 'candles.open', 'candles.high', 'candles.low', 'candles.close'],
  I24: ['quotes.symbol', 'quotes.bid_px', 'quotes.ask_px'],
};

export function profileOfMapping(mapping: Mapping): Profile {
  const has = (need: string): boolean => {
    const [stream = '', column = ''] = need.split('.');
    const columns: Record<string, unknown> = mapping.streams[stream as StreamName]?.columns ?? {};
    return columns[column] !== undefined;
  };
  return {
    name: mapping.name,
    tables: Object.keys(mapping.detect).map((table) => table.toLowerCase()),
    columns: [...Object.entries(mapping.detect), ...sourcesOf(mapping)].flatMap(([table, columns]) =>
      columns.map((column) => `${table}.${column}`),
    ),
    applies: Object.keys(needs).filter((id) => (needs[id] ?? []).every(has)),
    views: () => viewsOf(mapping),
    sql: { I01: filledByFills },
    confirm: { I03: isWorseThanLimit, I01: isFilledOtherwise },
    rules: [],
  };
}

/** Tables with the columns that the streams read. */
function sourcesOf(mapping: Mapping): [string, string[]][] {
  return Object.values(mapping.streams).map((stream) => {
    const sources = Object.values(stream?.columns ?? {}) as ColumnSource[];
    const named = sources.flatMap((source) =>
      typeof source === 'string' ? [source] : 'column' in source ? [source.column] : [],
    );
    return [stream?.from ?? '', [...(stream?.key ?? []), ...named]];
  });
}

function viewsOf(mapping: Mapping): Record<string, string> {
  const { orders, fills, candles, ticks, quotes } = mapping.streams;
  const nothing = (columns: string): string => `SELECT ${columns} WHERE 0`;
  const symbols = [orders, fills, candles, ticks, quotes].flatMap((stream) =>
    stream === undefined ? [] : [`SELECT ${raw(stream, 'symbol')} AS instrument_id FROM ${table(stream)}`],
  );
  return {
    accounts:
      orders === undefined
        ? nothing('0 AS account_id')
        : `SELECT DISTINCT ${account(orders)} AS account_id FROM ${table(orders)}`,
    instruments: symbols.length === 0 ? nothing('0 AS instrument_id') : symbols.join(' UNION '),
    orders: orders === undefined ? nothing('0 AS order_id, 0 AS account_id, 0 AS created_us') : ordersView(orders),
    fills: fills === undefined ? nothing('0 AS fill_id, 0 AS order_id, 0 AS exec_us') : fillsView(fills),
    candles: candles === undefined ? nothing('0 AS instrument_id') : candlesView(candles),
    ticks:
      ticks === undefined
        ? nothing('0 AS instrument_id, 0 AS ts_us')
        : `SELECT ${raw(ticks, 'symbol')} AS instrument_id, ${time(ticks, 'ts_us')} AS ts_us FROM ${table(ticks)}`,
    quotes:
      quotes === undefined
        ? nothing('0 AS instrument_id, 0 AS ts_us, 0 AS bid_px, 0 AS ask_px')
        : `SELECT ${raw(quotes, 'symbol')} AS instrument_id, ${time(quotes, 'ts_us')} AS ts_us,
                  ${scaled(quotes, 'bid_px')} AS bid_px, ${scaled(quotes, 'ask_px')} AS ask_px FROM ${table(quotes)}`,
  };
}

function ordersView(stream: Stream): string {
  return `
    SELECT ${key(stream)} AS order_id, ${account(stream)} AS account_id, ${raw(stream, 'symbol')} AS instrument_id,
           ${raw(stream, 'side')} AS side, ${raw(stream, 'type')} AS type, ${scaled(stream, 'price')} AS price,
           ${decimalText(stream, 'price')} AS exact_price, ${scaled(stream, 'filled_qty')} AS filled_qty,
           ${decimalText(stream, 'filled_qty')} AS exact_filled, ${raw(stream, 'is_open')} AS is_open,
           ${time(stream, 'created_us')} AS created_us, ${time(stream, 'updated_us')} AS updated_us
    FROM ${table(stream)}`;
}

function fillsView(stream: Stream): string {
  return `
    SELECT ${key(stream)} AS fill_id, CAST(${raw(stream, 'order')} AS TEXT) AS order_id, ${account(stream)} AS account_id,
           ${raw(stream, 'symbol')} AS instrument_id, ${raw(stream, 'venue_trade_id')} AS venue_trade_id,
           ${raw(stream, 'side')} AS side, ${scaled(stream, 'price')} AS price, ${decimalText(stream, 'price')} AS exact_price,
           ${scaled(stream, 'qty')} AS qty, ${decimalText(stream, 'qty')} AS exact_qty,
           ${time(stream, 'exec_us')} AS exec_us, 0 AS busted
    FROM ${table(stream)}`;
}

function candlesView(stream: Stream): string {
  const prices = ['open', 'high', 'low', 'close'].map((column) => `${scaled(stream, column)} AS ${column}`).join(', ');
  return `SELECT ${raw(stream, 'symbol')} AS instrument_id, ${raw(stream, 'interval_s')} AS interval_s,
                 ${time(stream, 'open_us')} AS open_us, ${prices} FROM ${table(stream)}`;
}

const table = ({ from }: Stream): string => `main.${quoteIdentifier(from)}`;

/** The key as one text; the parts are kept apart by a slash. */
const key = (stream: Stream): string =>
  stream.key.map((column) => `CAST(${quoteIdentifier(column)} AS TEXT)`).join(" || '/' || ");

const account = (stream: Stream): string => `coalesce(${raw(stream, 'account')}, '')`;

function sourceOf(stream: Stream, column: string): ColumnSource | undefined {
  return (stream.columns as Record<string, ColumnSource>)[column];
}

const literal = (value: string | number): string => (typeof value === 'number' ? String(value) : quoteText(value));

/** The value as it is, translated by the map where there is one. */
function raw(stream: Stream, column: string): string {
  const source = sourceOf(stream, column);
  if (source === undefined) return 'NULL';
  if (typeof source === 'string') return quoteIdentifier(source);
  if ('value' in source) return literal(source.value);
  if (source.map === undefined) return quoteIdentifier(source.column);
  const cases = Object.entries(source.map).map(([from, to]) => `WHEN ${literal(from)} THEN ${literal(to)}`);
  return `CASE CAST(${quoteIdentifier(source.column)} AS TEXT) ${cases.join(' ')} END`;
}

function scaleOf(stream: Stream, column: string): number {
  const source = sourceOf(stream, column);
  return typeof source === 'object' && 'scale' in source ? (source.scale ?? 0) : 0;
}

function scaled(stream: Stream, column: string): string {
  const value = raw(stream, column);
  return value === 'NULL' ? value : `CAST(round(${value} * 1e${viewScale - scaleOf(stream, column)}) AS INTEGER)`;
}

/** The raw value, and the power of ten that belongs to it, for the exact decision. */
function decimalText(stream: Stream, column: string): string {
  const value = raw(stream, column);
  return value === 'NULL' ? value : `${value} || 'e-${scaleOf(stream, column)}'`;
}

function time(stream: Stream, column: string): string {
  const source = sourceOf(stream, column);
  const unit = typeof source === 'object' && 'unit' in source ? (source.unit ?? 'us') : 'us';
  const value = raw(stream, column);
  if (value === 'NULL') return value;
  if (unit === 'iso') {
    return `(unixepoch(substr(${value}, 1, 19)) * 1000000 + CAST(substr(substr(${value}, 21) || '000000', 1, 6) AS INTEGER))`;
  }
  return unit === 'ns' ? `${value} / 1000` : `CAST(${value} * ${{ s: 1_000_000, ms: 1000, us: 1 }[unit]} AS INTEGER)`;
}

function isWorseThanLimit({ fill_id, order_id }: Offender, connection: Connection): boolean {
  const fill = connection.value('SELECT exact_price FROM temp.fills WHERE fill_id = ?', [fill_id ?? null]);
  const order = connection.get<{ side: number; limit: unknown }>(
    'SELECT side, exact_price AS "limit" FROM temp.orders WHERE order_id = ?',
    [order_id ?? null],
  );
  const price = exactOf(fill);
  const limit = exactOf(order?.limit);
  if (price === undefined || limit === undefined) return false;
  return Number(order?.side) > 0 ? price > limit : price < limit;
}

function isFilledOtherwise({ order_id }: Offender, connection: Connection): boolean {
  const filled = connection.value('SELECT exact_filled FROM temp.orders WHERE order_id = ?', [order_id ?? null]);
  const fills = connection.all<{ qty: unknown }>('SELECT exact_qty AS qty FROM temp.fills WHERE order_id = ?', [
    order_id ?? null,
  ]);
  return exactOrZero(filled) !== fills.reduce((sum, { qty }) => sum + exactOrZero(qty), 0n);
}
