import Database from 'better-sqlite3';
import {
  customData,
  type FreqtradeGeneration,
  freqtradeTables,
  generations,
  keyValues,
  orders,
  pairlocks,
  trades,
  walletHistory,
} from './freqtrade-schema.ts';
import { createTables, type ForeignRow, rowWriter } from './table.ts';
import { atScale8, type ForeignPair, floatOf, pairs, Truth } from './truth.ts';

/** A file as freqtrade of one generation leaves it: trades with entries, exits, cancelled and open orders. */

export interface FreqtradeFile {
  readonly path: string;
  readonly generation: FreqtradeGeneration;
  readonly truth: Truth;
}

export interface FreqtradeOptions {
  readonly trades?: number;
  readonly seed?: number;
  readonly wal?: boolean;
  readonly futures?: boolean;
}

const fee = 0.001;

/** Small and fast, the same numbers everywhere. */
export function chance(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

export const timeText = (ms: number, micros = 0): string =>
  `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}.${String(micros).padStart(6, '0')}`;

interface Writers {
  readonly trade: (row: ForeignRow) => void;
  readonly order: (row: ForeignRow) => void;
}

export function makeFreqtrade(
  path: string,
  generation: FreqtradeGeneration,
  options: FreqtradeOptions = {},
): FreqtradeFile {
  const release = generations[generation];
  const db = new Database(path);
  if (options.wal !== false) db.pragma('journal_mode = WAL');
  db.pragma('synchronous = OFF');
  // As Python leaves it: the bot's own files are written without enforcement.
  db.pragma('foreign_keys = OFF');
  createTables(db, freqtradeTables, release);
  const builder = new FreqtradeBuilder(options.seed ?? 7, release, options.futures === true);
  db.transaction(() => {
    const writers = { trade: rowWriter(db, trades, release), order: rowWriter(db, orders, release) };
    for (let count = 0; count < (options.trades ?? 40); count += 1) builder.trade(writers);
    writeState(db, release, builder.truth);
  })();
  db.close();
  return { path, generation, truth: builder.truth };
}

export class FreqtradeBuilder {
  readonly truth = new Truth();
  readonly #random: (below: number) => number;
  readonly #release: number;
  readonly #futures: boolean;
  #trade = 0;
  #order = 0;
  #ms = Date.UTC(2024, 0, 1);

  constructor(seed: number, release: number, futures = false) {
    this.#random = chance(seed);
    this.#release = release;
    this.#futures = futures;
  }

  /** One trade with one or two entries, sometimes a cancelled one, and an exit unless it is still open. */
  trade(writers: Writers): void {
    const random = this.#random;
    this.#trade += 1;
    const pair = pairs[random(pairs.length)] as ForeignPair;
    const isFuture = this.#futures && this.#release >= generations.F4 && random(2) === 0;
    const isShort = isFuture && random(2) === 0;
    const isOpen = random(10) === 0;
    const symbol = `${pair.base}/${pair.quote}${isFuture ? `:${pair.quote}` : ''}`;
    const context = { writers, pair, symbol, tradeId: this.#trade, isShort };
    const openMs = this.#ms;
    if (random(5) === 0) this.#cancelled(context);
    const entries = 1 + random(2);
    let amount = 0;
    let stake = 0;
    let rate = 0;
    for (let count = 0; count < entries; count += 1) {
      const filled = this.#filled(context, isShort ? -1 : 1, pair.qty + random(pair.qty));
      amount += filled.units;
      rate = filled.price;
      stake += filled.units * filled.price;
    }
    const unit = 10 ** (pair.priceDecimals + pair.qtyDecimals);
    let exit: { units: number; price: number; ms: number } | undefined;
    if (!isOpen) exit = this.#filled(context, isShort ? 1 : -1, amount);
    else if (random(2) === 0) this.#openExit(context, isShort ? 1 : -1, amount);
    const open = stake / unit;
    const close = exit === undefined ? undefined : (exit.units * exit.price) / unit;
    const sign = isShort ? -1 : 1;
    const profit = close === undefined ? null : sign * (close * (1 - sign * fee) - open * (1 + sign * fee));
    writers.trade({
      id: this.#trade,
      exchange: 'binance',
      pair: symbol,
      base_currency: pair.base,
      stake_currency: pair.quote,
      is_open: isOpen ? 1 : 0,
      fee_open: fee,
      fee_close: fee,
      open_rate: (open * 10 ** pair.qtyDecimals) / amount,
      open_trade_value: open * (1 + fee),
      close_rate: exit === undefined ? null : exit.price / 10 ** pair.priceDecimals,
      realized_profit: profit ?? 0,
      close_profit: profit === null ? null : profit / open,
      close_profit_abs: profit,
      stake_amount: open,
      max_stake_amount: open,
      amount: amount / 10 ** pair.qtyDecimals,
      amount_requested: amount / 10 ** pair.qtyDecimals,
      open_date: timeText(openMs),
      close_date: exit === undefined ? null : timeText(exit.ms),
      stop_loss: (rate / 10 ** pair.priceDecimals) * 0.9,
      max_rate: rate / 10 ** pair.priceDecimals,
      exit_reason: isOpen ? null : 'roi',
      sell_reason: isOpen ? null : 'roi',
      strategy: `Strategy${random(2)}`,
      enter_tag: 'dip',
      timeframe: 5,
      trading_mode: isFuture ? 'FUTURES' : 'SPOT',
      amount_precision: pair.qtyDecimals,
      price_precision: pair.priceDecimals,
      precision_mode: 2,
      precision_mode_price: 2,
      contract_size: 1,
      leverage: isFuture ? 2 : 1,
      is_short: isShort ? 1 : 0,
      interest_rate: 0,
      funding_fees: 0,
      record_version: 2,
    });
    this.truth.count('trades');
  }

  #filled(context: TradeContext, side: 1 | -1, units: number): { units: number; price: number; ms: number } {
    const { pair, symbol } = context;
    const price = pair.price + this.#random(Math.max(2, Math.round(pair.price / 50)));
    const atMs = this.#step();
    this.#write(context, side, {
      status: 'closed',
      price,
      amount: units,
      filled: units,
      at: atMs,
    });
    this.truth.count('fills');
    this.truth.trade(symbol, side, atScale8(price, pair.priceDecimals), atScale8(units, pair.qtyDecimals));
    return { units, price, ms: atMs };
  }

  #cancelled(context: TradeContext): void {
    const { pair } = context;
    this.#write(context, context.isShort ? -1 : 1, {
      status: this.#random(2) === 0 ? 'canceled' : 'expired',
      price: pair.price,
      amount: pair.qty,
      filled: 0,
      at: this.#step(),
    });
  }

  #openExit(context: TradeContext, side: 1 | -1, units: number): void {
    const { pair } = context;
    const price = Math.round(pair.price * 1.2);
    this.#write(context, side, { status: 'open', price, amount: units, filled: 0, at: this.#step() });
  }

  #write(
    { writers, pair, symbol, tradeId }: TradeContext,
    side: 1 | -1,
    order: { status: string; price: number; amount: number; filled: number; at: number },
  ): void {
    this.#order += 1;
    const real = (units: number, decimals: number): number => floatOf(BigInt(units), decimals);
    const rate = real(order.price, pair.priceDecimals);
    const name = side === 1 ? 'buy' : 'sell';
    writers.order({
      id: this.#order,
      ft_trade_id: tradeId,
      ft_order_side: name,
      ft_pair: symbol,
      ft_is_open: order.status === 'open' ? 1 : 0,
      ft_amount: real(order.amount, pair.qtyDecimals),
      ft_price: rate,
      ft_cancel_reason: order.status === 'canceled' ? 'timeout' : null,
      order_id: `x${this.#order}`,
      status: order.status,
      symbol,
      order_type: 'limit',
      side: name,
      price: rate,
      average: order.filled > 0 ? rate : null,
      amount: real(order.amount, pair.qtyDecimals),
      filled: real(order.filled, pair.qtyDecimals),
      remaining: real(order.amount - order.filled, pair.qtyDecimals),
      cost: rate * real(order.filled, pair.qtyDecimals),
      order_date: timeText(order.at - 1000),
      order_filled_date: order.filled > 0 ? timeText(order.at, 123) : null,
      order_update_date: timeText(order.at, 123),
    });
    this.truth.count('orders');
    this.truth.status(order.status);
  }

  #step(): number {
    this.#ms += 60_000 * (1 + this.#random(50));
    return this.#ms;
  }
}

interface TradeContext {
  readonly writers: Writers;
  readonly pair: ForeignPair;
  readonly symbol: string;
  readonly tradeId: number;
  readonly isShort: boolean;
}

function writeState(db: Database.Database, release: number, truth: Truth): void {
  const at = timeText(Date.UTC(2024, 0, 1));
  const lock = rowWriter(db, pairlocks, release);
  const state = rowWriter(db, keyValues, release);
  const custom = rowWriter(db, customData, release);
  const wallet = rowWriter(db, walletHistory, release);
  const locked = { side: '*', lock_time: at, lock_end_time: timeText(Date.UTC(2024, 0, 2)), active: 0 };
  lock({ id: 1, pair: 'BTC/USDT', reason: 'stoploss', ...locked });
  lock({ id: 2, pair: '*', reason: null, ...locked });
  state({ id: 1, key: 'bot_start_time', value_type: 'datetime', datetime_value: at });
  state({ id: 2, key: 'startup', value_type: 'int', int_value: 3 });
  custom({ id: 1, ft_trade_id: 1, cd_key: 'levels', cd_type: 'list', cd_value: '[1, 2]', created_at: at });
  custom({ id: 2, ft_trade_id: 1, cd_key: 'note', cd_type: 'str', cd_value: 'no json', created_at: at });
  wallet({
    id: 1,
    timestamp: at,
    currency: 'USDT',
    quote_currency: 'USDT',
    balance: 1000,
    leverage: 1,
    bot_managed: 1,
  });
  truth.count('locks', release >= (pairlocks.since ?? 0) ? 2 : 0);
}
