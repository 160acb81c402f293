import type { Connection } from '../../../sqlite/connection.ts';
import { quoteIdentifier } from '../../../sqlite/quote-identifier.ts';
import { externalIdOf } from '../attribute.ts';
import { builtOrder } from '../built-order.ts';
import type { SourceInstrument } from '../catalog.ts';
import { SqliteTable } from '../mapped/sqlite-table.ts';
import { repeatedTrade } from '../order-life.ts';
import type { RawValue } from '../raw-value.ts';
import type { SourceRow, SourceStream } from '../source.ts';
import { tableRows } from '../table-rows.ts';
import { type FillPart, type Held, held, type Mapped, type RelatedRow } from '../unit.ts';
import { feesOf } from './fee.ts';
import type { HummingbotFile } from './ports.ts';

export const fillTable = 'TradeFill';
export const fillColumns = [
  'market',
  'order_id',
  'exchange_trade_id',
  'symbol',
  'base_asset',
  'quote_asset',
  'timestamp',
  'trade_type',
  'price',
  'amount',
  'trade_fee',
  'trade_fee_in_quote',
  'config_file_path',
  'strategy',
  'order_type',
  'leverage',
  'position',
] as const;

const at = (column: (typeof fillColumns)[number]): number => fillColumns.indexOf(column);
const [symbolAt, baseAt, quoteAt, timeAt, sideAt] = [
  at('symbol'),
  at('base_asset'),
  at('quote_asset'),
  at('timestamp'),
  at('trade_type'),
];
const [priceAt, amountAt, feeAt, inQuoteAt] = [at('price'), at('amount'), at('trade_fee'), at('trade_fee_in_quote')];
const [configAt, strategyAt] = [at('config_file_path'), at('strategy')];

/** Market, order and trade: the key of the table since 2022, and before that what the bot held to be unique. */
export const fillId = (row: SourceRow): string => externalIdOf([row[0], row[1], row[2]]);

export function sideOfTrade(value: RawValue): 1 | -1 | undefined {
  return value === 'BUY' ? 1 : value === 'SELL' ? -1 : undefined;
}

export const instrumentOfFill = (file: HummingbotFile, row: SourceRow): SourceInstrument | undefined =>
  file.instrument(row[0] ?? null, row[symbolAt] ?? null, [row[baseAt] ?? null, row[quoteAt] ?? null]);

/** Finds the fills of an order. */
export class FillsOfOrder {
  readonly #find: (market: RawValue, order: RawValue) => readonly SourceRow[];

  /** `temporary` makes a place for an index that old files do not have. */
  constructor({ schema }: HummingbotFile, temporary: () => Connection) {
    const isKeyed = schema.columns(fillTable).some(({ name, keyPosition }) => name === 'order_id' && keyPosition > 0);
    if (isKeyed) {
      const list = fillColumns.map((column) => (schema.has(fillTable, column) ? quoteIdentifier(column) : 'NULL'));
      const statement = schema.connection
        .prepare(
          `SELECT ${list.join(', ')} FROM main.TradeFill WHERE market = ? AND order_id = ? ORDER BY market, order_id, exchange_trade_id`,
        )
        .asArrays()
        .withBigIntegers();
      this.#find = (market, order) => statement.all<SourceRow>([market, order]);
      return;
    }
    const table = new SqliteTable(schema, fillTable, temporary);
    const places = fillColumns.map((column) => table.columns.indexOf(column));
    this.#find = (market, order) =>
      table
        .find('order_id', order)
        .map((row) => places.map((place) => row[place] ?? null))
        .filter(([of]) => of === market);
  }

  of(market: RawValue, order: RawValue): readonly SourceRow[] {
    return this.#find(market, order);
  }
}

export const relatedFill = (row: SourceRow): RelatedRow => ({ table: fillTable, columns: fillColumns, row });

/** One execution. Held when a time or fee is none: `owner` is the order that is held with it. */
export function fillPart(
  file: HummingbotFile,
  row: SourceRow,
  of: { owner: string; instrument: SourceInstrument },
): FillPart | Held {
  const id = fillId(row);
  const execUs = file.time.readUnit(row[timeAt] ?? null, 'ms');
  if (Number.isNaN(execUs)) {
    return held(
      of.owner,
      file.time.outcome === 'time_out_of_range' ? 'time_out_of_range' : 'bad_time',
      `time of fill ${id}`,
    );
  }
  const price = file.precise(row[priceAt] ?? null, of.instrument);
  const qty = file.precise(row[amountAt] ?? null, of.instrument);
  const isBuy = row[sideAt] === 'BUY';
  const inQuote = file.number(row[inQuoteAt] ?? null);
  const paid = feesOf(row[feeAt] ?? null, { instrument: of.instrument, isBuy, price, qty, inQuote });
  if (paid === undefined) return held(of.owner, 'bad_json', `trade_fee of fill ${id}`);
  if (paid.unpriced) file.notes.add('fees in a token without a price, which the source did not convert: not imported');
  return {
    externalId: id,
    venueTradeId: String(row[2]),
    price,
    qty,
    notional: undefined,
    fees: paid.fees,
    liquidity: null,
    execUs,
    synthetic: false,
  };
}

/** Fills are parts of their orders; where the bot wrote no order, the first of its fills brings it. */
export function fills(file: HummingbotFile, fillsOf: FillsOfOrder): SourceStream {
  const { schema } = file;
  const isKeyed = schema.columns(fillTable).some(({ name, keyPosition }) => name === 'order_id' && keyPosition > 0);
  const columns = isKeyed ? fillColumns : [...fillColumns, 'id'];
  const key = isKeyed ? ['market', 'order_id', 'exchange_trade_id'] : ['id'];
  const order = schema.connection.prepare('SELECT 1 FROM main."Order" WHERE id = ? AND market = ?');
  return {
    name: 'fills',
    table: fillTable,
    columns,
    rows: tableRows(schema, { table: fillTable, columns, key }),
    mutable: true,
    externalId: fillId,
    map(row): Mapped {
      const [market = null, orderId = null] = row;
      const externalId = fillId(row);
      if (order.get([orderId, market]) !== undefined) return { kind: 'part', entity: 'fill', externalId };
      if (row[sideAt] === 'RANGE') return held(externalId, 'not_an_order', 'a position in a range of prices');
      const found = fillsOf.of(market, orderId);
      // Bytes where a text should be are equal to nothing, not even to themselves.
      const siblings = found.length === 0 ? [row] : found;
      const first = siblings[0] ?? row;
      return fillId(first) === externalId
        ? orderOf(file, siblings, externalId)
        : { kind: 'part', entity: 'fill', externalId };
    },
  };
}

function orderOf(file: HummingbotFile, rows: readonly SourceRow[], externalId: string): Mapped {
  const [row] = rows as [SourceRow];
  const related = rows.slice(1).map(relatedFill);
  const instrument = instrumentOfFill(file, row);
  if (instrument === undefined) return held(externalId, 'bad_text', 'market or symbol', related);
  const side = sideOfTrade(row[sideAt] ?? null);
  if (side === undefined) return held(externalId, 'side_unknown', String(row[sideAt]), related);
  const parts: FillPart[] = [];
  for (const each of rows) {
    if (sideOfTrade(each[sideAt] ?? null) !== side)
      return held(externalId, 'wrong_parent', 'fills of both sides', related);
    const part = fillPart(file, each, { owner: externalId, instrument });
    if ('kind' in part) return { ...part, related };
    parts.push(part);
  }
  const repeated = repeatedTrade(parts);
  if (repeated !== undefined) return held(externalId, 'duplicate_conflict', `two fills are trade ${repeated}`, related);
  parts.sort((one, other) => one.execUs - other.execUs);
  file.notes.add('orders built from their fills: the source has no row of them');
  return {
    ...builtOrder({
      externalId,
      fills: parts,
      account: file.account(row[0] ?? null, row[1] ?? null),
      instrument,
      strategy: file.catalog.strategy(String(row[strategyAt]), String(row[configAt])),
      venueOrderId: null,
      side,
      related: related.length === 0 ? undefined : related,
    }),
    clientOrderId: String(row[1]),
  };
}
