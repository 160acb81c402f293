import type { OperationContext, ProgressTask } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { InstrumentData } from '../instrument.ts';
import { EventQueue } from './event-queue.ts';
import { SampleExchange } from './exchange.ts';
import { pushDailyCandle, pushMinuteCandles, pushTicksAndCandles } from './market-rows.ts';
import { arrivals, drawLifeUs, drawOutcome, type Flow, type FlowName, flows } from './order-flow.ts';
import { type PricePath, priceAt, pricePath } from './price-path.ts';
import { DatabaseSink, type RowSink, type SampleBatch, type SampleTable } from './row-sink.ts';
import type { SampleOrder } from './sample-order.ts';
import { readDailyBars } from './sample-prices.ts';
import { SeededRandom, skewedIndex, ZipfRanks } from './seeded-random.ts';
import { sessionOf } from './trading-day.ts';
import { makeUniverse, type SampleInstrument, type Universe } from './universe.ts';

export interface SampleOptions {
  readonly orders: number;
  readonly instruments: number;
  /** Trading days, the last ones of the bundled prices. */
  readonly days: number;
  readonly mix: FlowName;
  readonly seed: number;
  /** Where the rows go; the database by default. */
  readonly sink?: RowSink;
}

export interface SampleResult {
  readonly seed: number;
  readonly orders: number;
  readonly fills: number;
  readonly rows: number;
  readonly rowsByTable: Readonly<Record<string, number>>;
  readonly durationMs: number;
  readonly rowsPerSecond: number;
  readonly firstDayUs: number;
  readonly lastDayUs: number;
}

/** Ended orders after which a batch is written: some 50,000 rows. */
const batchOrders = 5000;
const cacheKibibytes = 131_072;
/** Days at the end that get one-minute candles, and instruments that get ticks on the last one. */
const minuteDays = 5;
const tickInstruments = 10;

/**
 * Fills an empty reference schema with a market around the bundled real prices. The same options give the same rows.
 * Memory holds one batch and the orders that are open, whatever the number of orders is.
 */
export async function generateSample(
  connection: Connection,
  options: SampleOptions,
  context: Pick<OperationContext, 'clock' | 'signal' | 'progress'>,
): Promise<SampleResult> {
  const startedMs = context.clock.now();
  const enforced = connection.pragmaValue('foreign_keys');
  // Orders are written when they have ended, after the rows that name them; the rules prove the whole afterwards.
  connection.pragma('foreign_keys = 0');
  // The index of the audit log grows all over; with a small cache most of its pages would be written many times.
  const cacheSize = connection.pragmaValue('cache_size');
  connection.pragma(`cache_size = ${-cacheKibibytes}`);
  const task = context.progress.start({ id: 'sample', label: 'sample', unit: 'rows' });
  try {
    const market = new SampleMarket(connection, options, { task, signal: context.signal, clock: context.clock });
    await market.run();
    const durationMs = context.clock.now() - startedMs;
    return { ...market.result(), durationMs, rowsPerSecond: Math.round(market.rows / (durationMs / 1000)) };
  } finally {
    task.done();
    connection.pragma(`cache_size = ${Number(cacheSize)}`);
    connection.pragma(`foreign_keys = ${Number(enforced)}`);
  }
}

interface Day {
  readonly index: number;
  readonly openUs: number;
  readonly closeUs: number;
  readonly paths: readonly PricePath[];
}

type Step = (order: SampleOrder, atUs: number) => void;

interface MarketContext {
  readonly task: ProgressTask;
  readonly signal: AbortSignal;
  readonly clock: Pick<OperationContext['clock'], 'defer'>;
}

class SampleMarket {
  readonly #connection: Connection;
  readonly #options: SampleOptions;
  readonly #context: MarketContext;
  readonly #random: SeededRandom;
  readonly #flow: Flow;
  readonly #universe: Universe;
  readonly #days: number;
  readonly #exchange = new SampleExchange();
  readonly #sink: RowSink;
  readonly #ranks: ZipfRanks;
  readonly #margin: ReadonlyMap<number, InstrumentData>;
  readonly #rowsByTable: Record<string, number> = {};
  readonly #queue = new EventQueue<{ readonly order: SampleOrder; readonly step: Step }>();
  #open = new Set<SampleOrder>();
  #quotes = 0;
  #wroteThisTurn = false;

  constructor(connection: Connection, options: SampleOptions, context: MarketContext) {
    this.#connection = connection;
    this.#options = options;
    this.#context = context;
    this.#random = new SeededRandom(options.seed);
    this.#flow = flows[options.mix];
    const bars = readDailyBars();
    this.#days = Math.min(options.days, bars.length);
    const { instruments, seed } = options;
    this.#universe = makeUniverse(connection, { instruments, days: bars.slice(-this.#days), seed });
    this.#sink = options.sink ?? new DatabaseSink(connection);
    this.#ranks = new ZipfRanks(instruments, 0.99);
    this.#margin = new Map(
      this.#universe.instruments
        .filter(({ data }) => data.settlement === 'margin')
        .map(({ data }) => [data.instrumentId, data]),
    );
    for (const bar of bars.slice(0, -this.#days))
      pushDailyCandle(this.#exchange.batch, this.#first.data.instrumentId, bar);
  }

  get #first(): SampleInstrument {
    return this.#universe.instruments[0] as SampleInstrument;
  }

  get rows(): number {
    return Object.values(this.#rowsByTable).reduce((sum, count) => sum + count, 0);
  }

  async run(): Promise<void> {
    this.#openAccounts();
    for (let index = 0; index < this.#days; index++) await this.#runDay(index);
    this.#write();
    Object.assign(this.#rowsByTable, this.#exchange.ledger.store(this.#connection));
  }

  result(): Omit<SampleResult, 'durationMs' | 'rowsPerSecond'> {
    return {
      seed: this.#options.seed,
      orders: this.#exchange.orders,
      fills: this.#exchange.fills,
      rows: this.rows,
      rowsByTable: this.#rowsByTable,
      firstDayUs: this.#first.days[0]?.dayUs ?? 0,
      lastDayUs: this.#first.days.at(-1)?.dayUs ?? 0,
    };
  }

  /** Money and holdings enough for the flow of the whole run. */
  #openAccounts(): void {
    const scale = BigInt(Math.max(1, Math.ceil(this.#options.orders / 100_000)));
    const atUs = (this.#first.days[0]?.dayUs ?? 0) - 1;
    for (const accountId of this.#universe.accounts) {
      this.#exchange.open(accountId, this.#first.data.quoteAssetId, 100_000_000_000n * scale, atUs);
      for (const { data } of this.#universe.instruments) {
        if (data.settlement === 'delivery') this.#exchange.open(accountId, data.baseAssetId, 10_000_000n * scale, atUs);
      }
    }
  }

  async #runDay(index: number): Promise<void> {
    const day = this.#startDay(index);
    // Replacements are orders too: they take their share of the day's number.
    const target = Math.round((this.#options.orders * (index + 1)) / this.#days);
    const first = Math.round((target - this.#exchange.orders) / (1 + this.#flow.replaced * 0.9));
    let lastUs = day.openUs;
    for (const atUs of arrivals(Math.max(0, first), day.openUs, day.closeUs, this.#random)) {
      this.#runQueue(atUs);
      if (this.#exchange.orders < target) this.#place(day, atUs);
      lastUs = atUs;
      if (this.#wroteThisTurn) await this.#nextTurn();
    }
    if (index === this.#days - 1) this.#placeRest(day, lastUs);
    this.#runQueue(day.closeUs - 1);
    this.#endDay(day);
    await this.#nextTurn();
  }

  /** A signal is seen only when the event loop turns: once per batch is often enough. */
  #nextTurn(): Promise<void> {
    this.#wroteThisTurn = false;
    return new Promise((resolve) => this.#context.clock.defer(resolve));
  }

  /** What is missing to the exact number comes in the last second before the close. */
  #placeRest(day: Day, lastUs: number): void {
    let atUs = Math.max(lastUs, day.closeUs - 1_000_000);
    this.#runQueue(atUs);
    while (this.#exchange.orders < this.#options.orders) {
      atUs = Math.min(day.closeUs - 1, atUs + 10);
      this.#place(day, atUs);
    }
  }

  #startDay(index: number): Day {
    const dayUs = this.#first.days[index]?.dayUs ?? 0;
    const { openUs, closeUs } = sessionOf(dayUs);
    this.#connection.run('INSERT INTO trading_sessions VALUES (?, ?, ?)', [this.#universe.venueId, openUs, closeUs]);
    const isLast = index === this.#days - 1;
    const { batch } = this.#exchange;
    const paths = this.#universe.instruments.map(({ data, days }, rank) => {
      const bar = days[index];
      if (bar === undefined) return new Int32Array(0);
      const path = pricePath(bar, this.#random);
      const { instrumentId } = data;
      pushDailyCandle(batch, instrumentId, bar);
      if (isLast && rank < tickInstruments)
        pushTicksAndCandles(batch, { instrumentId, bar, path, openUs }, this.#random);
      else if (index >= this.#days - minuteDays)
        pushMinuteCandles(batch, { instrumentId, bar, path, openUs }, this.#random);
      return path;
    });
    return { index, openUs, closeUs, paths };
  }

  /** Whatever is open at the close expires, so that no order is older than its day. */
  #endDay(day: Day): void {
    while (this.#queue.pop() !== undefined);
    for (const order of this.#open) this.#exchange.end(order, 'EXPIRED', day.closeUs);
    this.#open = new Set();
    const rateE9 = 100_000 + this.#random.integer(100_000) - 50_000;
    this.#exchange.fund(this.#margin, day.closeUs, rateE9);
    this.#write();
  }

  #runQueue(untilUs: number): void {
    while (this.#queue.nextUs <= untilUs) {
      const next = this.#queue.pop();
      if (next === undefined) return;
      next.item.step(next.item.order, next.atUs);
    }
    if (this.#exchange.waiting >= batchOrders) this.#write();
  }

  #write(): void {
    throwIfCancelled(this.#context.signal);
    const batch = this.#exchange.takeBatch();
    this.#sink.write(batch);
    this.#wroteThisTurn = true;
    let written = 0;
    for (const [table, rows] of Object.entries(batch) as [SampleTable, SampleBatch[SampleTable]][]) {
      this.#rowsByTable[table] = (this.#rowsByTable[table] ?? 0) + rows.length;
      written += rows.length;
    }
    // How many rows the rest will make is not known before; so far is the best guess.
    const { task } = this.#context;
    const { orders } = this.#exchange;
    if (orders > 0) task.total(Math.round((this.rows * this.#options.orders) / orders));
    task.advance(written);
  }

  #place(day: Day, atUs: number): void {
    const random = this.#random;
    const rank = this.#ranks.next(random);
    const { data } = this.#universe.instruments[rank] as SampleInstrument;
    const middle = this.#middle(day, rank, atUs);
    const side = random.uniform() < 0.5 ? 1 : -1;
    const spread = 1 + random.integer(3);
    this.#quote(data.instrumentId, atUs, middle, spread);
    const outcome = drawOutcome(this.#flow, random);
    const isEager = outcome === 'filled' || outcome === 'partly';
    const away = isEager ? -random.integer(3) : 1 + random.integer(Math.max(2, Math.round(middle / 1000)));
    const order = this.#exchange.place(
      {
        accountId: this.#universe.accounts[skewedIndex(random, this.#universe.accounts.length)] as number,
        instrument: data,
        strategyId: this.#universe.strategies[random.integer(this.#universe.strategies.length)] as number,
        side,
        price: Math.max(1, middle - side * away),
        qty: 1 + Math.floor(20 * random.exponential()),
        atUs,
        outcome,
      },
      null,
    );
    this.#open.add(order);
    const answeredUs = atUs + 300 + Math.floor(2000 * random.exponential());
    if (outcome === 'rejected') this.#later(answeredUs, order, (one, at) => this.#finish(one, 'REJECTED', at));
    else this.#later(answeredUs, order, (one, at) => this.#acknowledged(day, rank, one, at));
  }

  #acknowledged(day: Day, rank: number, order: SampleOrder, atUs: number): void {
    this.#exchange.acknowledge(order, atUs);
    this.#planEnd(day, rank, order, atUs);
  }

  /** What happens to a working order, by the outcome that was drawn for it. */
  #planEnd(day: Day, rank: number, order: SampleOrder, atUs: number): void {
    if (order.outcome === 'expired') return;
    const endUs = atUs + drawLifeUs(order.outcome, this.#flow, this.#random);
    switch (order.outcome) {
      case 'filled':
      case 'partly':
        this.#later(endUs, order, (one, at) => this.#trade(day, rank, one, at));
        return;
      case 'replaced':
        this.#later(endUs, order, (one, at) => this.#replace(day, rank, one, at));
        return;
      default:
        this.#planCancel(order, endUs);
    }
  }

  /** Two in three cancels are asked for first; the others come from the venue. */
  #planCancel(order: SampleOrder, atUs: number): void {
    const random = this.#random;
    if (random.uniform() < 0.66) this.#later(atUs, order, (one, at) => this.#exchange.requestCancel(one, at));
    const delay = 300 + Math.floor(3000 * random.exponential());
    this.#later(atUs + delay, order, (one, at) => this.#finish(one, 'CANCELED', at));
  }

  #trade(day: Day, rank: number, order: SampleOrder, atUs: number): void {
    const random = this.#random;
    const left = order.qty - order.filled_qty;
    const isLastPart = order.outcome === 'filled' && (left === 1 || random.uniform() < 0.8);
    const qty = isLastPart ? left : Math.max(1, Math.floor(left * random.uniform()));
    if (order.outcome === 'partly' && qty === left) {
      this.#planCancel(order, atUs + 1000);
      return;
    }
    const middle = this.#middle(day, rank, atUs);
    const price = order.side > 0 ? Math.min(order.price, middle) : Math.max(order.price, middle);
    this.#exchange.fill(order, { price, qty, atUs, isMaker: random.uniform() < 0.6 });
    if (order.status === 'FILLED') this.#open.delete(order);
    else if (order.outcome === 'partly') this.#planCancel(order, atUs + drawLifeUs('cancelled', this.#flow, random));
    else
      this.#later(atUs + drawLifeUs('filled', this.#flow, random), order, (one, at) => this.#trade(day, rank, one, at));
  }

  #replace(day: Day, rank: number, order: SampleOrder, atUs: number): void {
    if (this.#exchange.orders >= this.#options.orders) {
      this.#finish(order, 'CANCELED', atUs);
      return;
    }
    this.#finish(order, 'REPLACED', atUs);
    const drawn = drawOutcome(this.#flow, this.#random);
    const outcome = drawn === 'replaced' || drawn === 'rejected' ? 'cancelled' : drawn;
    const { accountId, instrument, strategyId, side, qty } = order;
    const price = Math.max(1, this.#middle(day, rank, atUs) - side * (1 + this.#random.integer(5)));
    const next = this.#exchange.place(
      { accountId, instrument, strategyId, side, qty, price, atUs, outcome },
      order.order_id,
    );
    this.#open.add(next);
    this.#planEnd(day, rank, next, atUs);
  }

  #finish(order: SampleOrder, status: 'CANCELED' | 'REJECTED' | 'REPLACED', atUs: number): void {
    this.#exchange.end(order, status, atUs);
    this.#open.delete(order);
  }

  #later(atUs: number, order: SampleOrder, step: Step): void {
    this.#queue.push(atUs, { order, step });
  }

  #middle(day: Day, rank: number, atUs: number): number {
    return priceAt(day.paths[rank] as PricePath, (atUs - day.openUs) / (day.closeUs - day.openUs));
  }

  #quote(instrumentId: number, atUs: number, middle: number, spread: number): void {
    this.#quotes += 1;
    const bid = Math.max(1, middle - spread);
    const [bidQty, askQty] = [1 + this.#random.integer(500), 1 + this.#random.integer(500)];
    this.#exchange.batch.quotes.push([instrumentId, atUs, this.#quotes, bid, bidQty, middle + spread, askQty]);
  }
}
