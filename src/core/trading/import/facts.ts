import { SourceNumber } from '../mapping/source-number.ts';
import type { SourceInstrument } from './catalog.ts';
import type { RawValue } from './raw-value.ts';
import { SizeCounts } from './size-counts.ts';
import type { FactsRecorder } from './source.ts';

/** What the scan has seen of the numbers of an instrument. */
export interface InstrumentFacts {
  readonly price: SizeCounts;
  readonly quantity: SizeCounts;
  /** False once a quantity was no multiple of the lot size that the source names; the same of prices. */
  keepsLot: boolean;
  keepsTick: boolean;
}

/** More decimals than any venue has; a value with more stays out later, it does not choose the scale. */
const mostDecimals = 12;
/** Share of a step that a REAL may miss a multiple of it by. */
const stepNoise = 1e-6;

export class Facts implements FactsRecorder {
  readonly #numbers = new SourceNumber();
  readonly #instruments: (InstrumentFacts | undefined)[] = [];
  readonly #money = new Map<string, SizeCounts>();

  of(instrument: SourceInstrument): InstrumentFacts {
    let facts = this.#instruments[instrument.index];
    if (facts === undefined) {
      facts = { price: new SizeCounts(), quantity: new SizeCounts(), keepsLot: true, keepsTick: true };
      this.#instruments[instrument.index] = facts;
    }
    return facts;
  }

  price(instrument: SourceInstrument, value: RawValue): void {
    const facts = this.of(instrument);
    const size = this.#look(facts.price, value);
    if (facts.keepsTick && !isMultiple(size, instrument.tickSize)) facts.keepsTick = false;
  }

  quantity(instrument: SourceInstrument, value: RawValue): void {
    const facts = this.of(instrument);
    const size = this.#look(facts.quantity, value);
    if (facts.keepsLot && !isMultiple(size, instrument.lotSize)) facts.keepsLot = false;
    this.money(instrument.base, value);
  }

  money(asset: string, value: RawValue): void {
    const size = Math.abs(Number(value));
    if (!Number.isFinite(size) || size === 0) return;
    let counts = this.#money.get(asset);
    if (counts === undefined) {
      counts = new SizeCounts();
      this.#money.set(asset, counts);
    }
    counts.add(size, 0);
  }

  /** Sizes of all amounts of an asset; undefined when none was seen. */
  ofAsset(asset: string): SizeCounts | undefined {
    return this.#money.get(asset);
  }

  /** The size of the value; 0 for what will stay out or says nothing: NULL, no number, or digits without end. */
  #look(counts: SizeCounts, value: RawValue): number {
    if (value === null) return 0;
    const decimals = this.#numbers.decimalsOf(value, mostDecimals);
    if (Number.isNaN(decimals) || decimals < 0) return 0;
    const size = Math.abs(Number(value));
    counts.add(size, decimals);
    return size;
  }
}

function isMultiple(size: number, step: RawValue | undefined): boolean {
  const width = Number(step ?? 0);
  if (!(width > 0)) return true;
  const steps = size / width;
  return Math.abs(steps - Math.round(steps)) <= stepNoise;
}
