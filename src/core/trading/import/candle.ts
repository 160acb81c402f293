import type { SourceInstrument } from './catalog.ts';
import type { CandleUnit } from './unit.ts';

const usPerSecond = 1_000_000;
const daySeconds = 86_400;
/** Sessions of venues whose zone is off by 30 or 45 minutes open hour bars there. */
const coarsestSeconds = 900;

/** Whether a candle may start there: days and more at 00:00 UTC, others on a multiple of their length, at most 15 minutes. */
export function startsCandle(openUs: number, intervalS: number): boolean {
  const step = intervalS >= daySeconds ? daySeconds : Math.min(intervalS, coarsestSeconds);
  return openUs % (step * usPerSecond) === 0;
}

/** A unit to be filled again for each row. */
export function emptyCandle(instrument: SourceInstrument): CandleUnit {
  return {
    kind: 'candle',
    instrument,
    intervalS: 0,
    openUs: 0,
    open: null,
    high: null,
    low: null,
    close: null,
    volume: null,
    trades: null,
    quoteVolume: null,
    openInterest: null,
  };
}
