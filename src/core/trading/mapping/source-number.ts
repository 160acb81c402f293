import { powerOfTen } from '../decimal.ts';
import { DecimalText } from './decimal-text.ts';

/**
 * Numbers of a foreign file as integers at a scale: REAL, INTEGER and text, each proven to be the decimal that was
 * meant. A REAL x is the decimal r/10^scale when exactly that quotient gives x back. Sums of decimals miss it by a few
 * units in the last place; a genuine further digit misses it by far more.
 */

/** How the last value was read; all but `exact` and `noise` are reasons why there is no integer. */
export type NumberOutcome = 'exact' | 'noise' | 'precision_exceeds_scale' | 'bad_number' | 'value_out_of_range';

/** `5` and `5.0000000004` may both be an unclean 5, but no computation leaves a short decimal such as `5.0000001`. */
const longestGenuineDigits = 1e12;
/** Below this, scaling a REAL cannot round to the wrong integer. */
const surelyScaled = 1e15;
const noiseUlps = 4;
const noiseUnits = 1e-3;
const largestScale = 18;

const powers: readonly number[] = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const bits = new DataView(new ArrayBuffer(8));

/** Distance between `x` and the next REAL away from zero. */
function ulp(x: number): number {
  bits.setFloat64(0, x);
  return 2 ** (Math.max((bits.getUint32(0) >>> 20) & 0x7ff, 1) - 1075);
}

/**
 * Reads values one after the other. It is an object so that the usual path allocates nothing: the integer is returned,
 * NaN when there is none, and `outcome` tells how it went.
 */
export class SourceNumber {
  outcome: NumberOutcome = 'exact';
  readonly #text = new DecimalText();

  /** The value, given in whole units, as an integer at `scale` (0 to 18), within 2^53-1; else NaN. */
  read(value: unknown, scale: number): number {
    if (typeof value === 'number') return this.#real(value, scale);
    if (typeof value === 'string') return this.#ofText(value, 0, scale);
    if (typeof value === 'bigint') return this.#integer(value, 0, scale);
    return this.#fail('bad_number');
  }

  /** The same for a value that counts units of 10^-sourceScale, such as a price stored times 10^6. */
  readScaled(value: unknown, sourceScale: number, scale: number): number {
    if (typeof value === 'bigint') return this.#integer(value, sourceScale, scale);
    if (typeof value === 'string') return this.#ofText(value, sourceScale, scale);
    if (typeof value !== 'number' || !Number.isFinite(value)) return this.#fail('bad_number');
    if (!Number.isInteger(value)) return this.#fail('precision_exceeds_scale');
    if (!Number.isSafeInteger(value)) return this.#fail('value_out_of_range');
    return this.#integer(BigInt(value), sourceScale, scale);
  }

  /**
   * The nearest integer, ties to the even one: for averages and other ratios, whose digits have no end. Judged by the
   * shortest decimal that gives the REAL back, so that 1.005 at scale 2 is a tie.
   */
  readRounded(value: unknown, scale: number): number {
    const exact = this.read(value, scale);
    if (this.outcome !== 'precision_exceeds_scale') return exact;
    const x = Number(value);
    const scaled = x * (powers[scale] ?? Number.NaN);
    const rounded = Math.round(scaled);
    this.outcome = 'noise';
    if (Math.abs(rounded) <= surelyScaled && Math.abs(Math.abs(scaled - Math.trunc(scaled)) - 0.5) > 1e-3) {
      return rounded + 0;
    }
    return this.#withinRange(this.#textOf(value, 0)?.rounded(scale) ?? 0n);
  }

  /** The value at `scale` without the limit of 2^53-1, for ledger amounts; undefined when it is none. */
  readBig(value: unknown, scale: number): bigint | undefined {
    const small = this.read(value, scale);
    if (this.outcome !== 'value_out_of_range') return Number.isNaN(small) ? undefined : BigInt(small);
    const exact = this.#textOf(value, 0)?.exact(scale);
    this.outcome = exact === undefined ? 'precision_exceeds_scale' : 'exact';
    return exact;
  }

  /**
   * Decimals that the value needs: the fewest at which it is exact, else the fewest at which it is noise. -1 when even
   * `most` are too few, NaN when it is no number. To choose the scale of an instrument by.
   */
  decimalsOf(value: unknown, most: number): number {
    if (typeof value === 'number' && Number.isFinite(value)) return this.#decimalsOfReal(value, most);
    const text = this.#textOf(value, 0);
    if (text === undefined) {
      this.outcome = 'bad_number';
      return Number.NaN;
    }
    this.outcome = 'exact';
    return text.decimals <= most ? text.decimals : -1;
  }

  #decimalsOfReal(x: number, most: number): number {
    this.outcome = 'exact';
    for (let scale = 0; scale <= most; scale += 1) {
      const power = powers[scale] ?? Number.NaN;
      if (Math.round(x * power) / power === x) return scale;
    }
    this.outcome = 'noise';
    for (let scale = 0; scale <= most; scale += 1) {
      const power = powers[scale] ?? Number.NaN;
      if (Math.abs(Math.round(x * power) / power - x) <= noiseUlps * ulp(x)) return scale;
    }
    this.outcome = 'precision_exceeds_scale';
    return -1;
  }

  #real(x: number, scale: number): number {
    const power = powers[scale] ?? Number.NaN;
    const scaled = x * power;
    const rounded = Math.round(scaled);
    if (rounded <= surelyScaled && rounded >= -surelyScaled) {
      if (rounded / power === x) {
        this.outcome = 'exact';
        return rounded + 0;
      }
      return this.#unclean(x, scaled, rounded, scale);
    }
    // NaN and the infinities end here too.
    if (!Number.isFinite(x)) return this.#fail('bad_number');
    return this.#ofText(String(x), 0, scale);
  }

  #unclean(x: number, scaled: number, rounded: number, scale: number): number {
    const power = powers[scale] ?? Number.NaN;
    const isNear = Math.abs(rounded / power - x) <= noiseUlps * ulp(x);
    if (!isNear && (Math.abs(scaled - rounded) > noiseUnits || isShortDecimal(x, scale))) {
      return this.#fail('precision_exceeds_scale');
    }
    this.outcome = 'noise';
    return rounded + 0;
  }

  #integer(value: bigint, sourceScale: number, scale: number): number {
    const small = Number(value);
    const factor = powers[scale - sourceScale];
    // Whole numbers at the same or a larger scale: no BigInt is made.
    if (factor !== undefined && Math.abs(small) * factor <= Number.MAX_SAFE_INTEGER) {
      this.outcome = 'exact';
      return small * factor;
    }
    if (scale >= sourceScale) return this.#withinRange(value * powerOfTen(scale - sourceScale));
    const divisor = powerOfTen(sourceScale - scale);
    if (value % divisor !== 0n) return this.#fail('precision_exceeds_scale');
    return this.#withinRange(value / divisor);
  }

  #ofText(text: string, sourceScale: number, scale: number): number {
    const parsed = this.#text;
    if (!parsed.parse(text, sourceScale)) return this.#fail('bad_number');
    const small = parsed.small(scale);
    if (!Number.isNaN(small)) {
      this.outcome = 'exact';
      return small;
    }
    const exact = parsed.exact(scale);
    return exact === undefined ? this.#fail('precision_exceeds_scale') : this.#withinRange(exact);
  }

  #textOf(value: unknown, sourceScale: number): DecimalText | undefined {
    if (typeof value === 'number' ? !Number.isFinite(value) : typeof value !== 'string' && typeof value !== 'bigint') {
      return undefined;
    }
    return this.#text.parse(String(value), sourceScale) ? this.#text : undefined;
  }

  #withinRange(value: bigint): number {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) return this.#fail('value_out_of_range');
    if (this.outcome !== 'noise') this.outcome = 'exact';
    return number;
  }

  #fail(outcome: NumberOutcome): number {
    this.outcome = outcome;
    return Number.NaN;
  }
}

/** A decimal of twelve digits or fewer that simply has more decimals than `scale`. */
function isShortDecimal(x: number, scale: number): boolean {
  for (let finer = scale + 1; finer <= largestScale; finer += 1) {
    const power = powers[finer] ?? Number.NaN;
    const rounded = Math.round(x * power);
    if (Math.abs(rounded) >= longestGenuineDigits) return false;
    if (rounded / power === x) return true;
  }
  return false;
}
