import type { Connection } from '../../sqlite/connection.ts';
import { bound } from '../bound.ts';

export interface Quote {
  readonly instrumentId: number;
  readonly tsUs: number;
  /** Order within one microsecond. */
  readonly seq: number;
  readonly bidPrice: number | null;
  readonly bidQuantity: number | null;
  readonly askPrice: number | null;
  readonly askQuantity: number | null;
}

export interface Tick {
  readonly instrumentId: number;
  readonly tsUs: number;
  readonly seq: number;
  readonly price: number;
  readonly quantity: number;
  readonly takerSide?: 'buy' | 'sell';
  readonly venueTradeId?: string;
}

export interface Candle {
  readonly openUs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly trades: number | null;
  readonly isClosed: boolean;
}

export interface CandleRange {
  readonly instrumentId: number;
  readonly intervalS: number;
  readonly fromUs: number;
  /** Not included. */
  readonly toUs: number;
}

/** Stores quotes in one transaction; a quote that is known already stays as it is. */
export function storeQuotes(connection: Connection, quotes: readonly Quote[]): void {
  connection.tx(() => {
    for (const quote of quotes) {
      connection.run('INSERT INTO quotes VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING', [
        quote.instrumentId,
        quote.tsUs,
        quote.seq,
        quote.bidPrice,
        quote.bidQuantity,
        quote.askPrice,
        quote.askQuantity,
      ]);
    }
  });
}

/** Stores ticks in one transaction; a tick that is known already stays as it is. */
export function storeTicks(connection: Connection, ticks: readonly Tick[]): void {
  connection.tx(() => {
    for (const tick of ticks) {
      connection.run('INSERT INTO ticks VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING', [
        tick.instrumentId,
        tick.tsUs,
        tick.seq,
        tick.price,
        tick.quantity,
        tick.takerSide === undefined ? null : tick.takerSide === 'buy' ? 1 : -1,
        tick.venueTradeId ?? null,
      ]);
    }
  });
}

interface TickRow {
  readonly ts_us: number;
  readonly price: number;
  readonly qty: number;
}

interface OpenCandle {
  readonly openUs: number;
  readonly open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  trades: number;
}

/**
 * Builds candles from the ticks of a range, again where they exist: a late tick thus corrects its candle. A candle is
 * closed once its end and `graceUs` have passed at `nowUs`. Returns how many were written.
 */
export function buildCandles(
  connection: Connection,
  request: CandleRange & { readonly nowUs: number; readonly graceUs: number },
): number {
  const lengthUs = request.intervalS * 1_000_000;
  const fromUs = Math.floor(request.fromUs / lengthUs) * lengthUs;
  const toUs = Math.ceil(request.toUs / lengthUs) * lengthUs;
  return connection.tx(() => {
    const ticks = connection.iterate<TickRow>(
      `SELECT ts_us, price, qty FROM ticks WHERE instrument_id = ? AND ts_us >= ? AND ts_us < ? ORDER BY ts_us, seq`,
      [request.instrumentId, fromUs, toUs],
    );
    const candles = candlesOf(ticks, lengthUs);
    for (const candle of candles) {
      const isClosed = candle.openUs + lengthUs + request.graceUs <= request.nowUs;
      upsertCandle(connection, request.instrumentId, request.intervalS, { ...candle, isClosed });
    }
    return candles.length;
  });
}

function candlesOf(ticks: Iterable<TickRow>, lengthUs: number): OpenCandle[] {
  const candles: OpenCandle[] = [];
  let current: OpenCandle | undefined;
  for (const { ts_us: tsUs, price, qty } of ticks) {
    // Divided here and not in SQL: a number is bound as REAL, and the quotient would keep its fraction.
    const openUs = Math.floor(tsUs / lengthUs) * lengthUs;
    if (current?.openUs !== openUs) {
      current = { openUs, open: price, high: price, low: price, close: price, volume: 0, trades: 0 };
      candles.push(current);
    }
    current.high = Math.max(current.high, price);
    current.low = Math.min(current.low, price);
    current.close = price;
    current.volume += qty;
    current.trades += 1;
  }
  return candles;
}

/** Stores one candle, or puts it in the place of the one that is there. */
export function upsertCandle(connection: Connection, instrumentId: number, intervalS: number, candle: Candle): void {
  connection.run(
    `INSERT INTO candles (instrument_id, interval_s, open_us, open, high, low, close, volume, trades, closed)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (instrument_id, interval_s, open_us) DO UPDATE SET open = excluded.open, high = excluded.high,
       low = excluded.low, close = excluded.close, volume = excluded.volume, trades = excluded.trades, closed = excluded.closed`,
    [
      instrumentId,
      intervalS,
      candle.openUs,
      candle.open,
      candle.high,
      candle.low,
      candle.close,
      candle.volume,
      candle.trades,
      candle.isClosed ? 1 : 0,
    ],
  );
}

export function candlesIn(connection: Connection, range: CandleRange): Candle[] {
  return connection
    .all<Omit<Candle, 'isClosed'> & { closed: number }>(
      `SELECT open_us AS openUs, open, high, low, close, volume, trades, closed FROM candles
       WHERE instrument_id = ${bound} AND interval_s = ${bound} AND open_us >= ? AND open_us < ? ORDER BY open_us`,
      [range.instrumentId, range.intervalS, range.fromUs, range.toUs],
    )
    .map(({ closed, ...candle }) => ({ ...candle, isClosed: closed === 1 }));
}

/** The newest quote of an instrument. */
export function lastQuote(connection: Connection, instrumentId: number): Quote | undefined {
  return connection.get<Quote>(
    `SELECT instrument_id AS instrumentId, ts_us AS tsUs, seq, bid_px AS bidPrice, bid_qty AS bidQuantity,
            ask_px AS askPrice, ask_qty AS askQuantity
     FROM quotes WHERE instrument_id = ${bound} ORDER BY ts_us DESC, seq DESC LIMIT 1`,
    [instrumentId],
  );
}
