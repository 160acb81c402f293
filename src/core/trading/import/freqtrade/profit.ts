import { divideHalfEven } from '../../decimal.ts';
import { exactOf, exactOne } from '../../profile/exact.ts';
import type { ImportedOrder } from '../source.ts';

const times = (left: bigint, right: bigint): bigint => divideHalfEven(left * right, exactOne);

/** Rates of a trade, in exact decimals. */
export interface TradeRates {
  readonly isShort: boolean;
  readonly feeOpen: bigint;
  readonly feeClose: bigint;
}

/**
 * Realized profit of one trade by freqtrade's own formula, over its orders in the order of their ids: what was bought costs on
 * average, both sides pay the fee rate of the trade, a fee that the venue took in the base asset is not there to be sold.
 */
export class TradeProfit {
  readonly #rates: TradeRates;
  readonly #base: string;
  #held = 0n;
  #stake = 0n;
  profit = 0n;

  constructor(rates: TradeRates, base: string) {
    this.#rates = rates;
    this.#base = base;
  }

  add(order: ImportedOrder): void {
    const { isShort, feeOpen, feeClose } = this.#rates;
    const filled = exactOf(order.filled) ?? 0n;
    if (filled === 0n) return;
    const value = exactOf(order.notional) ?? 0n;
    if ((order.side === -1) === isShort) {
      const baseFee = order.fees.find(({ asset }) => asset === this.#base);
      const kept = filled - (exactOf(baseFee?.amount ?? '0') ?? 0n);
      this.#held += kept;
      this.#stake += divideHalfEven(value * kept, filled);
      return;
    }
    const opened = this.#held === 0n ? 0n : divideHalfEven(this.#stake * filled, this.#held);
    const direction = isShort ? -1n : 1n;
    const close = value - direction * times(value, feeClose);
    const open = opened + direction * times(opened, feeOpen);
    this.profit += direction * (close - open);
    this.#stake -= opened;
    this.#held -= filled;
  }
}
