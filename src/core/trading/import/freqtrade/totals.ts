import type { Statement } from '../../../sqlite/statement.ts';
import { formatDecimal } from '../../decimal.ts';
import { exactOf, exactScale } from '../../profile/exact.ts';
import type { SourceAccount, SourceInstrument } from '../catalog.ts';
import type { RawValue } from '../raw-value.ts';
import type { HeldRows, ImportedOrder, SourceStream, TotalsRecorder } from '../source.ts';
import type { OrderUnit } from '../unit.ts';
import { orderRow } from './order.ts';
import { type FreqtradePorts, isShort } from './ports.ts';
import { TradeProfit, type TradeRates } from './profit.ts';

/** What the trades themselves say, besides their orders. */
interface TradeSums {
  readonly account: SourceAccount;
  readonly instrument: SourceInstrument;
  readonly rates: TradeRates;
  readonly isOpen: boolean;
  /** Amount that an open trade says it holds; profit that a closed one says it made. */
  readonly amount: RawValue;
  readonly profit: RawValue;
  readonly funding: bigint;
  /** Interest of margin trades is not in the file. */
  readonly isComparable: boolean;
  orders: number;
  entries: bigint;
  exits: bigint;
  hasBaseFee: boolean;
  /** The bot takes an order into the amount of its trade when it is done. */
  hasOpenOrder: boolean;
}

/** The figures of freqtrade's own tables, and the same by its formula over what was imported. */
export class FreqtradeTotals {
  readonly #shared: FreqtradePorts;
  readonly #streams: ReadonlyMap<string, SourceStream>;
  readonly #sums: Statement;
  readonly #trades = new Map<string, TradeSums>();
  readonly #tradeOfOrder = new Map<string, string>();

  constructor(shared: FreqtradePorts, streams: readonly SourceStream[]) {
    this.#shared = shared;
    const { schema } = shared;
    const fundingFees = schema.has('trades', 'funding_fees') ? 'funding_fees' : 'NULL';
    this.#sums = schema.connection
      .prepare(`SELECT is_open, amount, close_profit_abs, ${fundingFees} FROM trades WHERE id = ?`)
      .asArrays();
    this.#streams = new Map(streams.map((stream) => [stream.name, stream]));
  }

  record(record: TotalsRecorder, held: HeldRows): void {
    this.#trades.clear();
    this.#tradeOfOrder.clear();
    const heldTrades = this.#recordOrders(record, held);
    for (const [id, trade] of this.#trades) this.#recordTrade(record, trade, heldTrades.has(id));
    for (const id of heldTrades) this.#trades.delete(id);
    this.#countRows(record, held);
  }

  /** Realized profit of the trades above, from the orders as they stand in the target. */
  recompute(imported: Iterable<ImportedOrder>, record: TotalsRecorder): void {
    const profits = new Map<string, TradeProfit>();
    for (const order of imported) {
      const id = this.#tradeOfOrder.get(order.externalId);
      const trade = id === undefined ? undefined : this.#trades.get(id);
      if (id === undefined || trade === undefined || !isCompared(trade)) continue;
      let profit = profits.get(id);
      if (profit === undefined) {
        profit = new TradeProfit(trade.rates, trade.instrument.base);
        profits.set(id, profit);
      }
      profit.add(order);
    }
    for (const [id, { profit }] of profits) {
      const trade = this.#trades.get(id) as TradeSums;
      const { account, instrument } = trade;
      const value = formatDecimal(profit + trade.funding, exactScale);
      record.money('realized profit', { account, instrument, asset: instrument.quote }, value, 0);
    }
  }

  /** Each order counts as it is mapped; returns the trades with an order that is held. */
  #recordOrders(record: TotalsRecorder, held: HeldRows): Set<string> {
    const heldTrades = new Set<string>();
    this.#eachRow('orders', (stream, row) => {
      const tradeId = String(row[1]);
      const mapped = stream.map(row);
      if (mapped.kind !== 'order' || held.has('orders', mapped.externalId)) {
        heldTrades.add(tradeId);
        return;
      }
      this.#tradeOfOrder.set(mapped.externalId, tradeId);
      recordOrder(record, mapped);
      const trade = this.#addToTrade(tradeId, row[1] ?? null, mapped);
      if (Number(orderRow(row).ft_is_open ?? 0) === 1) trade.hasOpenOrder = true;
    });
    return heldTrades;
  }

  #addToTrade(key: string, id: RawValue, order: OrderUnit): TradeSums {
    const trade = this.#trades.get(key) ?? this.#newTrade(key, id, order);
    trade.orders += 1;
    const [fill] = order.fills;
    if (fill === undefined) return trade;
    const filled = exactOf(fill.qty) ?? 0n;
    const baseFee = fill.fees.find(({ asset }) => asset === order.instrument.base);
    if (baseFee !== undefined) trade.hasBaseFee = true;
    if ((order.side === -1) === trade.rates.isShort) trade.entries += filled - (exactOf(baseFee?.amount ?? 0) ?? 0n);
    else trade.exits += filled;
    return trade;
  }

  #newTrade(key: string, id: RawValue, { account, instrument }: OrderUnit): TradeSums {
    const trade = this.#shared.trade(id);
    const [isOpen, amount, profit, funding] = this.#sums.get<RawValue[]>([id]) ?? [1, null, null, null];
    const sums: TradeSums = {
      account,
      instrument,
      rates: {
        isShort: trade !== undefined && isShort(trade),
        feeOpen: exactOf(trade?.fee_open) ?? 0n,
        feeClose: exactOf(trade?.fee_close) ?? 0n,
      },
      isOpen: Number(isOpen ?? 0) === 1,
      amount: amount ?? null,
      profit: profit ?? null,
      funding: exactOf(funding) ?? 0n,
      isComparable: String(trade?.trading_mode ?? '').toUpperCase() !== 'MARGIN',
      orders: 0,
      entries: 0n,
      exits: 0n,
      hasBaseFee: false,
      hasOpenOrder: false,
    };
    this.#trades.set(key, sums);
    return sums;
  }

  /** Of a trade with a held order only what its other orders add up to can be compared. */
  #recordTrade(record: TotalsRecorder, trade: TradeSums, isHeld: boolean): void {
    const { account, instrument } = trade;
    const of = { account, instrument };
    const left = trade.entries - trade.exits;
    const sign = trade.rates.isShort ? -1n : 1n;
    // What a closed trade leaves over is dust that the venue kept; only its orders tell it.
    const isTold = !isHeld && trade.isOpen && !trade.hasOpenOrder && trade.amount !== null && left !== 0n;
    const open = isTold ? (exactOf(trade.amount) ?? 0n) : left;
    record.quantity('open quantity', of, formatDecimal(sign * open, exactScale), trade.hasBaseFee ? 1 : 0);
    if (isHeld || !isCompared(trade)) return;
    const asset = instrument.quote;
    record.money('realized profit', { ...of, asset }, trade.profit, trade.orders);
  }

  #countRows(record: TotalsRecorder, held: HeldRows): void {
    this.#eachRow('funding', (stream, row) => {
      const mapped = stream.map(row);
      if (mapped.kind !== 'funding' || held.has('funding', mapped.externalId)) return;
      const { account, instrument, amount } = mapped;
      record.count('funding payments', { account, instrument }, 1);
      record.money('funding', { account, instrument, asset: instrument.quote }, amount);
    });
    for (const [name, check] of [
      ['locks', 'locks'],
      ['state', 'state'],
      ['custom data', 'state'],
    ] as const) {
      this.#eachRow(name, (stream, row) => record.count(check, {}, held.has(name, stream.externalId(row)) ? 0 : 1));
    }
  }

  #eachRow(name: string, visit: (stream: SourceStream, row: Parameters<SourceStream['map']>[0]) => void): void {
    const stream = this.#streams.get(name);
    stream?.rows.read(undefined, { rows: Number.MAX_SAFE_INTEGER, ms: Number.MAX_SAFE_INTEGER }, (row) =>
      visit(stream, row),
    );
  }
}

function isCompared(trade: TradeSums): boolean {
  return !trade.isOpen && trade.profit !== null && trade.isComparable;
}

function recordOrder(record: TotalsRecorder, order: OrderUnit): void {
  const { account, instrument } = order;
  const of = { account, instrument };
  record.count('orders', of, 1);
  const [fill] = order.fills;
  if (fill === undefined) return;
  record.count('fills', of, 1);
  record.quantity(order.side === 1 ? 'bought' : 'sold', of, fill.qty);
  const asset = instrument.quote;
  record.money('notional', { ...of, asset }, notionalOf(fill.price, fill.qty, fill.notional));
  for (const fee of fill.fees) record.money('fees', { ...of, asset: fee.asset }, fee.amount);
}

/** The bot's own cost where it follows from average and amount, else the product. */
function notionalOf(price: RawValue, qty: RawValue, cost: RawValue | undefined): RawValue {
  const product = (exactOf(price) ?? 0n) * (exactOf(qty) ?? 0n);
  const given = cost === undefined ? undefined : exactOf(cost);
  const text = formatDecimal(product, 2 * exactScale);
  if (given === undefined || given === 0n) return text;
  const difference = given * 10n ** BigInt(exactScale) - product;
  const size = difference < 0n ? -difference : difference;
  return size * 1_000_000n <= product ? (cost ?? text) : text;
}
