import { SourceNumber } from '../mapping/source-number.ts';
import type { SourceInstrument } from './catalog.ts';
import type { RawValue } from './raw-value.ts';
import type { FactsRecorder } from './source.ts';

const mostDecimals = 12;

/**
 * Stands before the recorder of facts in streams of millions of rows: only a value that is larger, or has more decimals,
 * than all before it is passed on. One object for each instrument and kind of value.
 */
export class WidestValue {
  #largest = 0;
  #decimals = 0;
  #power = 1;
  readonly #number = new SourceNumber();

  /** True when the value tells something new. */
  isNews(value: RawValue): boolean {
    if (typeof value === 'string') return this.#isNewText(value);
    if (typeof value !== 'number') return value !== null;
    if (value <= this.#largest && value >= 0 && Math.round(value * this.#power) / this.#power === value) return false;
    const decimals = this.#number.decimalsOf(value, mostDecimals);
    this.#keep(value, decimals);
    return true;
  }

  /** Digits behind the point are counted as they stand: a zero at the end makes the first such text news, and no more. */
  #isNewText(text: string): boolean {
    const point = text.indexOf('.');
    const decimals = point < 0 ? 0 : text.length - point - 1;
    const value = Number(text);
    const isPlain = !text.includes('e') && !text.includes('E');
    if (value <= this.#largest && value >= 0 && decimals <= this.#decimals && isPlain) return false;
    if (isPlain) this.#keep(value, Math.min(decimals, mostDecimals));
    return true;
  }

  #keep(value: number, decimals: number): void {
    if (decimals > this.#decimals) {
      this.#decimals = decimals;
      this.#power = 10 ** decimals;
    }
    if (value > this.#largest) this.#largest = value;
  }
}

/** What one instrument's rows have shown so far. */
export class MarketFacts {
  readonly #instrument: SourceInstrument;
  readonly #price = new WidestValue();
  readonly #quantity = new WidestValue();
  readonly #money = new WidestValue();

  constructor(instrument: SourceInstrument) {
    this.#instrument = instrument;
  }

  price(value: RawValue, facts: FactsRecorder): void {
    if (this.#price.isNews(value)) facts.price(this.#instrument, value);
  }

  quantity(value: RawValue, facts: FactsRecorder): void {
    if (this.#quantity.isNews(value)) facts.quantity(this.#instrument, value);
  }

  /** Money of the quote asset. */
  money(value: RawValue, facts: FactsRecorder): void {
    if (this.#money.isNews(value)) facts.money(this.#instrument.quote, value);
  }
}
