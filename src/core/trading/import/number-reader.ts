import { SourceNumber } from '../mapping/source-number.ts';
import type { RawValue } from './raw-value.ts';
import { Unfit } from './unfit.ts';

/** Reads numbers of units and counts how they were read; NaN when there is none, and `unfit` then says why. */
export class NumberReader {
  exact = 0;
  noise = 0;
  readonly #numbers = new SourceNumber();

  read(value: RawValue, scale: number): number {
    const units = this.#numbers.read(value, scale);
    if (this.#numbers.outcome === 'exact') this.exact += 1;
    else if (this.#numbers.outcome === 'noise') this.noise += 1;
    return units;
  }

  /** The nearest integer: for averages and products, which are not counted. */
  rounded(value: RawValue, scale: number): number {
    return this.#numbers.readRounded(value, scale);
  }

  unfit(what: string, value: RawValue, scale: number): Unfit {
    const { outcome } = this.#numbers;
    const reason = outcome === 'exact' || outcome === 'noise' ? 'bad_number' : outcome;
    const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : describe(value);
    return new Unfit(reason, `${what} ${shown} at ${scale} decimals`);
  }
}

function describe(value: RawValue): string {
  return value instanceof Uint8Array ? `of ${value.length} bytes` : String(value);
}
