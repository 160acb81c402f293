import { externalIdOf } from '../attribute.ts';
import { emptyCandle, startsCandle } from '../candle.ts';
import type { FactsRecorder, ReaderPorts, SourceRow, SourceStream } from '../source.ts';
import { tableRows } from '../table-rows.ts';
import { type CandleUnit, held, type Mapped } from '../unit.ts';
import { isChinese, type VnpyInstruments } from './instruments.ts';
import type { VnpyTimes } from './times.ts';
import { upsertedRows } from './upserted-rows.ts';

const table = 'dbbardata';
const columns = [
  'id',
  'symbol',
  'exchange',
  'datetime',
  'interval',
  'volume',
  'turnover',
  'open_interest',
  'open_price',
  'high_price',
  'low_price',
  'close_price',
] as const;
const factColumns = [
  'id',
  'symbol',
  'exchange',
  'volume',
  'turnover',
  'open_interest',
  'open_price',
  'high_price',
  'low_price',
  'close_price',
] as const;

/** vn.py's name of what a bar spans, in seconds. `tick` is no span. */
const intervals: Readonly<Record<string, number>> = { '1m': 60, '1h': 3600, d: 86_400, w: 604_800 };
const daySeconds = 86_400;

export const barId = ([, symbol, exchange, time, interval]: SourceRow): string =>
  externalIdOf([symbol, exchange, interval, time]);

export function bars({ schema }: ReaderPorts, instruments: VnpyInstruments, times: VnpyTimes): SourceStream {
  let unit: CandleUnit | undefined;
  return {
    name: 'candles',
    table,
    columns,
    rows: upsertedRows(schema, table, columns),
    mutable: false,
    externalId: barId,
    map(row): Mapped {
      const [, symbol = null, exchange = null, time = null, interval = null, volume = null, turnover = null] = row;
      const known = instruments.find(symbol, exchange);
      if (known === undefined) return held(barId(row), 'bad_text', 'no instrument: symbol and exchange');
      const intervalS = typeof interval === 'string' ? intervals[interval] : undefined;
      if (intervalS === undefined) return held(barId(row), 'unknown_interval', String(interval));
      const us = times.read(time);
      if (Number.isNaN(us)) return held(barId(row), times.problem, String(time));
      const openUs = intervalS >= daySeconds ? times.tradingDate(us, isChinese(String(exchange))) : us;
      if (!startsCandle(openUs, intervalS)) return held(barId(row), 'bad_time', `no ${interval} bar starts there`);
      unit ??= emptyCandle(known.instrument);
      unit.instrument = known.instrument;
      unit.intervalS = intervalS;
      unit.openUs = openUs;
      unit.volume = volume;
      unit.quoteVolume = turnover;
      unit.openInterest = row[7] ?? null;
      unit.open = row[8] ?? null;
      unit.high = row[9] ?? null;
      unit.low = row[10] ?? null;
      unit.close = row[11] ?? null;
      return unit;
    },
    facts: {
      rows: tableRows(schema, { table, columns: factColumns, key: ['id'] }),
      take(row: SourceRow, recorder: FactsRecorder): void {
        const facts = instruments.find(row[1] ?? null, row[2] ?? null)?.facts;
        if (facts === undefined) return;
        facts.quantity(row[3] ?? null, recorder);
        facts.money(row[4] ?? null, recorder);
        facts.quantity(row[5] ?? null, recorder);
        for (let at = 6; at < 10; at += 1) facts.price(row[at] ?? null, recorder);
      },
    },
  };
}
