import { usPerDay } from '../../time.ts';
import { attributeOf } from '../attribute.ts';
import { emptyCandle, startsCandle } from '../candle.ts';
import type { RawValue } from '../raw-value.ts';
import type { FactsRecorder, SourceRow, SourceStream } from '../source.ts';
import { type Attributes, type CandleUnit, held, type Mapped } from '../unit.ts';
import { noField, textOf } from './field.ts';
import type { Bound } from './fields.ts';
import { badTime, type MappedPorts, noteTime } from './ports.ts';
import { intervalOf } from './words.ts';

const secondsPerDay = 86_400;

export function candles(bound: Bound, ports: MappedPorts): SourceStream {
  const { fields, table } = bound;
  const field = (name: string) => fields[name] ?? noField;
  const [interval, time] = [field('interval_s'), field('open_us')];
  const [open, high, low, close] = [field('open'), field('high'), field('low'), field('close')];
  const [volume, trades] = [field('volume'), field('trades')];
  const [quoteVolume, openInterest] = [field('quote_volume'), field('open_interest')];
  let unit: CandleUnit | undefined;
  let lastInterval: RawValue = null;
  let lastSeconds: number | undefined;
  const secondsOf = (row: SourceRow): number | undefined => {
    const value = interval.value(row);
    if (value !== lastInterval) {
      lastInterval = value;
      lastSeconds = intervalOf(value);
    }
    return lastSeconds;
  };
  return {
    name: 'candles',
    table: table.name,
    columns: table.columns,
    rows: table.rows,
    mutable: table.mutable,
    externalId: bound.externalId,
    map(row): Mapped {
      const defect = table.defect(row);
      if (defect !== undefined) return held(bound.externalId(row), defect.reason, defect.detail);
      const known = ports.names.instrument(fields, row);
      if (known === undefined) return held(bound.externalId(row), 'bad_text', ports.names.problem);
      const intervalS = secondsOf(row);
      if (intervalS === undefined) {
        return held(bound.externalId(row), 'unknown_interval', textOf(interval.raw(row)));
      }
      const us = time.time(row, ports.time);
      if (Number.isNaN(us)) return held(bound.externalId(row), badTime(ports), textOf(time.raw(row)));
      noteTime(ports);
      const openUs = intervalS >= secondsPerDay ? tradingDate(us, ports) : us;
      if (!startsCandle(openUs, intervalS)) {
        return held(bound.externalId(row), 'bad_time', `no candle of ${intervalS} s starts there`);
      }
      unit ??= emptyCandle(known.instrument);
      unit.instrument = known.instrument;
      unit.intervalS = intervalS;
      unit.openUs = openUs;
      unit.open = open.number(row);
      unit.high = high.number(row);
      unit.low = low.number(row);
      unit.close = close.number(row);
      unit.volume = volume.number(row);
      unit.trades = trades.number(row);
      unit.quoteVolume = quoteVolume.number(row);
      unit.openInterest = openInterest.number(row);
      if (ports.options.attributes) unit.attributes = unreadOf(bound, row);
      return unit;
    },
    facts: {
      rows: table.rows,
      take(row: SourceRow, recorder: FactsRecorder): void {
        const facts = table.defect(row) === undefined ? ports.names.instrument(fields, row)?.facts : undefined;
        if (facts === undefined) return;
        facts.price(open.number(row), recorder);
        facts.price(high.number(row), recorder);
        facts.price(low.number(row), recorder);
        facts.price(close.number(row), recorder);
        facts.quantity(volume.number(row), recorder);
        facts.quantity(openInterest.number(row), recorder);
        facts.money(quoteVolume.number(row), recorder);
      },
    },
  };
}

/** Days and more carry their date on the clock of the source, as 00:00 UTC. A number already counts from there. */
function tradingDate(us: number, { time, zone }: MappedPorts): number {
  if (time.unit !== 'text') return us;
  return Math.floor((us + zone.offsetAt(us / 1000) * 1000) / usPerDay) * usPerDay;
}

/** Columns without a place; undefined when the mapping reads all of them. */
export function unreadOf(bound: Bound, row: SourceRow): Attributes | undefined {
  if (bound.unread.length === 0) return undefined;
  return Object.fromEntries(bound.unread.map(([name, at]) => [name, attributeOf(row[at] ?? null)]));
}
