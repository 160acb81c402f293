import type { SourceInstrument } from '../catalog.ts';
import type { RawValue } from '../raw-value.ts';
import type { HeldRows, Notes, TotalsRecorder } from '../source.ts';
import type { SourceSchema } from '../source-schema.ts';
import { barId } from './bars.ts';
import { isChinese, type VnpyInstruments } from './instruments.ts';
import { quoteOf, tickColumns, tickId, tickOf } from './ticks.ts';
import type { VnpyTimes } from './times.ts';

export interface TotalsPorts {
  readonly schema: SourceSchema;
  readonly instruments: VnpyInstruments;
  readonly times: VnpyTimes;
  readonly notes: Notes;
}

type BarGroup = readonly [symbol: string, exchange: string, interval: string, rows: number];

/** How many candles there should be: rows that are not held, each instant once. */
export function countCandles(ports: TotalsPorts, record: TotalsRecorder, held: HeldRows): void {
  const { schema, instruments } = ports;
  const counts = new Map<SourceInstrument, number>();
  const add = (symbol: RawValue, exchange: RawValue, rows: number): void => {
    const instrument = instruments.find(symbol, exchange)?.instrument;
    if (instrument !== undefined) counts.set(instrument, (counts.get(instrument) ?? 0) + rows);
  };
  const groups = schema.connection
    .prepare('SELECT symbol, exchange, interval, count(*) FROM main.dbbardata GROUP BY symbol, exchange, interval')
    .asArrays()
    .all<BarGroup>();
  for (const [symbol, exchange, , rows] of groups) add(symbol, exchange, rows);
  const ids = new Set(held.ids('candles'));
  for (const id of ids) {
    const [symbol, exchange] = JSON.parse(id) as [string, string];
    add(symbol, exchange, -1);
  }
  for (const [symbol, exchange] of repeatedInstants(ports, groups, ids)) add(symbol, exchange, -1);
  for (const [instrument, rows] of counts) record.count('candles', { instrument }, rows);
  compareOverviews(ports, groups);
}

/** Rows whose instant the row before them has too: another width of the text, or another hour of one trading date. */
function* repeatedInstants(
  { schema, times }: TotalsPorts,
  groups: readonly BarGroup[],
  held: ReadonlySet<string>,
): Generator<readonly [string, string]> {
  const { connection } = schema;
  const rows = connection
    .prepare(
      `SELECT symbol, exchange, interval, datetime FROM main.dbbardata WHERE symbol = ? AND exchange = ? AND interval = ?
       ORDER BY replace(datetime, 'T', ' ')`,
    )
    .asArrays()
    .withBigIntegers();
  const hasWidths = connection.prepare(
    `SELECT 1 FROM main.dbbardata WHERE symbol = ? AND exchange = ? AND interval = ? AND length(datetime) <> 19 LIMIT 1`,
  );
  for (const [symbol, exchange, interval] of groups) {
    const isDaily = interval === 'd' || interval === 'w';
    if (!isDaily && hasWidths.get([symbol, exchange, interval]) === undefined) continue;
    let last = Number.NaN;
    for (const row of rows.iterate<readonly RawValue[]>([symbol, exchange, interval])) {
      const time = row[3] ?? null;
      if (held.has(barId([null, symbol, exchange, time, interval]))) continue;
      const us = times.read(time);
      const openUs = isDaily ? times.tradingDate(us, isChinese(exchange)) : us;
      if (openUs === last) yield [symbol, exchange];
      last = openUs;
    }
  }
}

/** The program shows what its overviews say, and counts them anew only when it is told to. */
function compareOverviews({ schema, notes }: TotalsPorts, groups: readonly BarGroup[]): void {
  if (!schema.has('dbbaroverview', 'symbol', 'exchange', 'interval', 'count')) return;
  const told = schema.connection
    .prepare('SELECT symbol, exchange, interval, count FROM main.dbbaroverview')
    .asArrays()
    .all<BarGroup>();
  const rowsOf = new Map(
    groups.map(([symbol, exchange, interval, rows]) => [`${symbol}.${exchange} ${interval}`, rows]),
  );
  for (const [symbol, exchange, interval, rows] of told) {
    const there = rowsOf.get(`${symbol}.${exchange} ${interval}`) ?? 0;
    if (there !== rows)
      notes.add(`overview of ${symbol}.${exchange} ${interval} says ${rows} bars, there are ${there}`);
  }
}

/** How many rows tell a trade, and how many a book. */
export function countTicks({ schema, instruments }: TotalsPorts, record: TotalsRecorder, held: HeldRows): void {
  const ids = new Set(held.ids('ticks'));
  const rows = schema.connection
    .prepare(`SELECT ${tickColumns.join(', ')} FROM main.dbtickdata ORDER BY symbol, exchange, datetime`)
    .asArrays()
    .withBigIntegers()
    .iterate<readonly RawValue[]>();
  let current: SourceInstrument | undefined;
  let counts = { ticks: 0, quotes: 0 };
  let volumeBefore: RawValue | undefined;
  const tell = (): void => {
    if (current === undefined) return;
    record.count('ticks', { instrument: current }, counts.ticks);
    record.count('quotes', { instrument: current }, counts.quotes);
  };
  for (const row of rows) {
    const instrument = instruments.find(row[1] ?? null, row[2] ?? null)?.instrument;
    if (instrument !== current) {
      tell();
      current = instrument;
      counts = { ticks: 0, quotes: 0 };
      volumeBefore = undefined;
    }
    if (instrument !== undefined && !ids.has(tickId(row))) {
      if (tickOf(row, volumeBefore) !== undefined) counts.ticks += 1;
      if (quoteOf(row) !== undefined) counts.quotes += 1;
    }
    volumeBefore = row[4] ?? null;
  }
  tell();
}
