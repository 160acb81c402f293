import type { Statement } from '../../../sqlite/statement.ts';
import { attributeOf, externalIdOf } from '../attribute.ts';
import type { RawValue } from '../raw-value.ts';
import type { ReaderPorts, SourceRow, SourceStream } from '../source.ts';
import { tableRows } from '../table-rows.ts';
import { held, type Mapped, type MarketLevel, type MarketUnit } from '../unit.ts';
import type { KnownInstrument, VnpyInstruments } from './instruments.ts';
import type { VnpyTimes } from './times.ts';
import { upsertedRows } from './upserted-rows.ts';

const table = 'dbtickdata';
const levels = [1, 2, 3, 4, 5];
const sides = ['bid_price', 'bid_volume', 'ask_price', 'ask_volume'];
const bookColumns = levels.flatMap((level) => sides.map((side) => `${side}_${level}`));
export const tickColumns = [
  'id',
  'symbol',
  'exchange',
  'datetime',
  'volume',
  'last_price',
  'last_volume',
  ...bookColumns,
];
const columns = tickColumns;
const bookAt = columns.length - bookColumns.length;
/** Columns that have no place in the reference schema; they come last where they are kept. */
export const tickExtras = [
  'name',
  'turnover',
  'open_interest',
  'limit_up',
  'limit_down',
  'open_price',
  'high_price',
  'low_price',
  'pre_close',
  'localtime',
] as const;

/** What stands before a row of the same instrument in time. */
interface Before {
  readonly volume: RawValue;
  readonly us: number;
  /** How many rows of its microsecond stand before it. */
  readonly rank: number;
}

export const tickId = ([, symbol, exchange, time]: SourceRow): string => externalIdOf([symbol, exchange, time]);

/**
 * A row is a snapshot: the last price, the volume of the session so far, and five levels of the book. What was traded
 * is the increase of that volume since the row before it in time, which need not be the row read before it.
 */
export function ticks(ports: ReaderPorts, instruments: VnpyInstruments, times: VnpyTimes): SourceStream {
  const { schema, options } = ports;
  const all = options.attributes ? [...columns, ...tickExtras] : columns;
  const before = new RowsBefore(
    schema.connection.prepare(
      `SELECT datetime, volume FROM main.${table} WHERE symbol = ? AND exchange = ? AND datetime < ?
       ORDER BY datetime DESC LIMIT 1`,
    ),
    times,
  );
  let unit: MarketUnit | undefined;

  return {
    name: 'ticks',
    table,
    columns: all,
    rows: upsertedRows(schema, table, all),
    mutable: false,
    externalId: tickId,
    map(row): Mapped {
      const [, symbol = null, exchange = null, time = null] = row;
      const known = instruments.find(symbol, exchange);
      if (known === undefined) return held(tickId(row), 'bad_text', 'no instrument: symbol and exchange');
      const us = times.read(time);
      if (Number.isNaN(us)) return held(tickId(row), times.problem, String(time));
      const last = before.of(String(symbol), String(exchange), String(time), us);
      unit ??= emptyMarket(known);
      unit.instrument = known.instrument;
      unit.tsUs = us;
      unit.seq = last?.us === us ? last.rank + 1 : 0;
      unit.tick = tickOf(row, last?.volume);
      unit.quote = quoteOf(row);
      unit.levels = deeperLevels(row);
      if (options.attributes) unit.attributes = extrasOf(row);
      return unit.tick === undefined && unit.quote === undefined ? { kind: 'nothing' } : unit;
    },
    facts: {
      rows: tableRows(schema, { table, columns, key: ['id'] }),
      take(row, recorder): void {
        const facts = instruments.find(row[1] ?? null, row[2] ?? null)?.facts;
        if (facts === undefined) return;
        facts.quantity(row[4] ?? null, recorder);
        facts.quantity(row[6] ?? null, recorder);
        facts.price(row[5] ?? null, recorder);
        for (let at = bookAt; at < columns.length; at += 2) {
          facts.price(present(row[at]), recorder);
          facts.quantity(present(row[at + 1]), recorder);
        }
      },
    },
  };
}

class RowsBefore {
  readonly #statement: Statement;
  readonly #times: VnpyTimes;

  constructor(statement: Statement, times: VnpyTimes) {
    this.#statement = statement.asArrays();
    this.#times = times;
  }

  /** `us` is the instant of `time`. */
  of(symbol: string, exchange: string, time: string, us: number): Before | undefined {
    const row = this.#statement.get<[RawValue, RawValue]>([symbol, exchange, time]);
    if (row === undefined) return undefined;
    const [text, volume] = row;
    // One instant written in several widths stands several times: rows of it are counted.
    if (typeof text !== 'string' || this.#times.read(text) !== us) return { volume, us: Number.NaN, rank: 0 };
    const further = this.of(symbol, exchange, text, us);
    return { volume, us, rank: further?.us === us ? further.rank + 1 : 0 };
  }
}

export function tickOf(row: SourceRow, volumeBefore: RawValue | undefined): MarketUnit['tick'] {
  const [, , , , volume = null, price = null, lastVolume = null] = row;
  const qty = traded(volume, volumeBefore, lastVolume);
  return qty === 0 || qty === 0n ? undefined : { price, qty, takerSide: null, venueTradeId: null };
}

/** A volume that fell has begun a new session. */
function traded(volume: RawValue, before: RawValue | undefined, lastVolume: RawValue): RawValue {
  if (!isNumeric(before) || volume === null) return lastVolume;
  if (!isNumeric(volume)) return volume;
  const increase = Number(volume) - Number(before);
  return increase < 0 ? lastVolume : increase;
}

const isNumeric = (value: RawValue | undefined): boolean => typeof value === 'number' || typeof value === 'bigint';

/** vn.py writes 0 where a side has nothing. */
const present = (value: RawValue | undefined): RawValue =>
  value === undefined || value === 0 || value === 0n ? null : value;

export function quoteOf(row: SourceRow): MarketUnit['quote'] {
  return sidesAt(row, bookAt);
}

/** A side without a price has no quantity either; undefined when both are empty. */
function sidesAt(row: SourceRow, at: number): MarketUnit['quote'] {
  const bidPx = present(row[at]);
  const askPx = present(row[at + 2]);
  if (bidPx === null && askPx === null) return undefined;
  const bidQty = bidPx === null ? null : (row[at + 1] ?? null);
  return { bidPx, bidQty, askPx, askQty: askPx === null ? null : (row[at + 3] ?? null) };
}

function deeperLevels(row: SourceRow): readonly MarketLevel[] {
  const found: MarketLevel[] = [];
  for (let level = 2; level <= levels.length; level += 1) {
    const both = sidesAt(row, bookAt + (level - 1) * sides.length);
    if (both !== undefined) found.push({ level, ...both });
  }
  return found;
}

function extrasOf(row: SourceRow): Readonly<Record<string, unknown>> {
  return Object.fromEntries(tickExtras.map((name, index) => [name, attributeOf(row[columns.length + index] ?? null)]));
}

function emptyMarket({ instrument }: KnownInstrument): MarketUnit {
  return { kind: 'market', instrument, tsUs: 0, seq: 0, tick: undefined, quote: undefined, levels: [] };
}
