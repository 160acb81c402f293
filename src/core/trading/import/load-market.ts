import type { Connection } from '../../sqlite/connection.ts';
import type { SqlValue, Statement } from '../../sqlite/statement.ts';
import type { NumberReader } from './number-reader.ts';
import type { RawValue } from './raw-value.ts';
import type { TargetCatalog } from './target-catalog.ts';
import { Unfit } from './unfit.ts';
import type { CandleUnit, MarketUnit } from './unit.ts';

export type MarketOutcome = 'new' | 'same' | Unfit;

/** Writes candles, ticks and quotes. Their natural key is their identity: the same row again is the same, another is a conflict. */
export class MarketLoader {
  readonly #target: TargetCatalog;
  readonly #numbers: NumberReader;
  readonly #candle: Row;
  readonly #tick: Row;
  readonly #quote: Row;
  readonly #level: Row;
  #unfit: Unfit | undefined;

  constructor(connection: Connection, ports: { target: TargetCatalog; numbers: NumberReader }) {
    this.#target = ports.target;
    this.#numbers = ports.numbers;
    this.#candle = new Row(connection, 'candles', 3, [
      'instrument_id',
      'interval_s',
      'open_us',
      'open',
      'high',
      'low',
      'close',
      'volume',
      'trades',
      'quote_volume',
      'open_interest',
    ]);
    const key = ['instrument_id', 'ts_us', 'seq'];
    this.#tick = new Row(connection, 'ticks', 3, [...key, 'price', 'qty', 'taker_side', 'venue_trade_id']);
    const sides = ['bid_px', 'bid_qty', 'ask_px', 'ask_qty'];
    this.#quote = new Row(connection, 'quotes', 3, [...key, ...sides]);
    this.#level = new Row(connection, 'quote_levels', 4, [...key, 'level', ...sides]);
  }

  candle(unit: CandleUnit): MarketOutcome {
    const instrument = this.#target.instrument(unit.instrument);
    const { priceScale, qtyScale, quoteScale } = instrument;
    this.#unfit = undefined;
    const open = this.#need(unit.open, priceScale, 'open');
    const high = this.#need(unit.high, priceScale, 'high');
    const low = this.#need(unit.low, priceScale, 'low');
    const close = this.#need(unit.close, priceScale, 'close');
    const volume = this.#need(unit.volume, qtyScale, 'volume');
    const trades = this.#maybe(unit.trades, 0, 'trades');
    const quoteVolume = this.#maybe(unit.quoteVolume, quoteScale, 'quote volume', true);
    const openInterest = this.#maybe(unit.openInterest, qtyScale, 'open interest');
    if (this.#unfit !== undefined) return this.#unfit;
    if (low <= 0) return new Unfit('price_not_positive', `the low is ${String(unit.low)}`);
    if (volume < 0) return new Unfit('value_out_of_range', `the volume is ${String(unit.volume)}`);
    if (low > open || low > close || high < open || high < close) {
      return new Unfit('ohlc_broken', 'low is not the least, or high not the greatest');
    }
    if (unit.openUs % alignmentUs(unit.intervalS) !== 0) {
      return new Unfit('unknown_interval', `a bar of ${unit.intervalS} s opens at ${unit.openUs} us`);
    }
    const { instrumentId } = instrument;
    const prices = [open, high, low, close];
    return this.#candle.put([
      instrumentId,
      unit.intervalS,
      unit.openUs,
      ...prices,
      volume,
      trades,
      quoteVolume,
      openInterest,
    ]);
  }

  market(unit: MarketUnit): MarketOutcome {
    const { instrumentId, priceScale, qtyScale } = this.#target.instrument(unit.instrument);
    const key = [instrumentId, unit.tsUs, unit.seq];
    this.#unfit = undefined;
    const writes: [Row, SqlValue[]][] = [];
    if (unit.tick !== undefined) {
      const { price, qty, takerSide, venueTradeId } = unit.tick;
      const values = [this.#need(price, priceScale, 'price'), this.#need(qty, qtyScale, 'quantity')];
      writes.push([this.#tick, [...key, ...values, takerSide, venueTradeId]]);
    }
    const sides = (from: { bidPx: RawValue; bidQty: RawValue; askPx: RawValue; askQty: RawValue }): SqlValue[] => [
      this.#maybe(from.bidPx, priceScale, 'bid'),
      this.#maybe(from.bidQty, qtyScale, 'bid quantity'),
      this.#maybe(from.askPx, priceScale, 'ask'),
      this.#maybe(from.askQty, qtyScale, 'ask quantity'),
    ];
    if (unit.quote !== undefined) writes.push([this.#quote, [...key, ...sides(unit.quote)]]);
    for (const level of unit.levels) writes.push([this.#level, [...key, level.level, ...sides(level)]]);
    return this.#unfit ?? putAll(writes);
  }

  #need(value: RawValue, scale: number, what: string): number {
    const units = this.#maybe(value, scale, what);
    if (units !== null) return units;
    this.#unfit ??= new Unfit(what === 'volume' || what === 'quantity' ? 'bad_number' : 'price_missing', `no ${what}`);
    return 0;
  }

  #maybe(value: RawValue, scale: number, what: string, isRatio = false): number | null {
    if (value === null) return null;
    const units = isRatio ? this.#numbers.rounded(value, scale) : this.#numbers.read(value, scale);
    if (!Number.isNaN(units)) return units;
    this.#unfit ??= this.#numbers.unfit(what, value, scale);
    return 0;
  }
}

/** All rows of a unit or none: a conflict is looked for before anything is written. */
function putAll(writes: readonly (readonly [Row, readonly SqlValue[]])[]): MarketOutcome {
  if (writes.length === 1 && writes[0] !== undefined) return writes[0][0].put(writes[0][1]);
  const states = writes.map(([row, values]) => row.look(values));
  if (states.includes('other')) return conflict;
  let outcome: MarketOutcome = 'same';
  for (const [at, [row, values]] of writes.entries()) {
    if (states[at] === 'absent') outcome = row.put(values);
  }
  return outcome;
}

const conflict = new Unfit('duplicate_conflict', 'the target has other values for this instrument and time');

/** The rule of the table: days at 00:00 UTC, up to 15 minutes exactly, longer ones on quarter hours. */
function alignmentUs(intervalS: number): number {
  return 1_000_000 * (intervalS >= 86_400 ? 86_400 : Math.min(intervalS, 900));
}

/** Writes rows of a table whose first `keyColumns` columns are its key. */
class Row {
  readonly #insert: Statement;
  readonly #compare: Statement;
  readonly #keyColumns: number;

  constructor(connection: Connection, table: string, keyColumns: number, columns: readonly string[]) {
    this.#keyColumns = keyColumns;
    const marks = columns.map(() => '?').join(', ');
    this.#insert = connection.prepare(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${marks}) ON CONFLICT DO NOTHING`,
    );
    const key = columns.slice(0, keyColumns).map((name) => `${name} = ?`);
    this.#compare = connection
      .prepare(`SELECT ${columns.join(', ')} FROM ${table} WHERE ${key.join(' AND ')}`)
      .asArrays();
  }

  put(values: readonly SqlValue[]): MarketOutcome {
    if (this.#insert.run(values).changes === 1) return 'new';
    return this.look(values) === 'equal' ? 'same' : conflict;
  }

  look(values: readonly SqlValue[]): 'absent' | 'equal' | 'other' {
    const stored = this.#compare.get<readonly SqlValue[]>(values.slice(0, this.#keyColumns));
    if (stored === undefined) return 'absent';
    return stored.every((value, at) => value === values[at]) ? 'equal' : 'other';
  }
}
