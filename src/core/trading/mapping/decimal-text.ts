import { divideHalfEven, powerOfTen } from '../decimal.ts';

const zero = 48;
const nine = 57;
const plus = 43;
const minus = 45;
const point = 46;
const lowerCase = 32;
const letterE = 101;
const smallDigits = 15;
/** Beyond these a number is nonsense, and its digits would only fill memory. */
const longestText = 400;
const largestExponent = 400;

/**
 * Decimal text such as `-12.50`, also with an exponent (`1E-8`, as Python writes small decimals), taken apart without a
 * REAL. One object is used again and again, so that short numbers allocate nothing.
 */
export class DecimalText {
  #text = '';
  #isNegative = false;
  /** The value is its digits, without zeros at the end, times 10^power. */
  #power = 0;
  #significant = 0;
  /** The digits as a number; right while there are at most 15. */
  #small = 0;

  /** False when `text` is no number. `sourceScale` moves the point to the left: the text counts units of 10^-sourceScale. */
  parse(text: string, sourceScale: number): boolean {
    const end = text.length;
    if (end > longestText) return false;
    const first = text.charCodeAt(0);
    this.#text = text;
    this.#isNegative = first === minus;
    const exponentAt = this.#digits(first === minus || first === plus ? 1 : 0, end);
    if (exponentAt < 0) return false;
    const exponent = exponentAt === end ? 0 : exponentOf(text, exponentAt, end);
    if (Number.isNaN(exponent)) return false;
    this.#power = this.#significant === 0 ? 0 : this.#power + exponent - sourceScale;
    return true;
  }

  /** How many decimals the value has. */
  get decimals(): number {
    return Math.max(-this.#power, 0);
  }

  /** The integer at `scale` when it has at most 15 digits and none is lost; else NaN. */
  small(scale: number): number {
    const shift = scale + this.#power;
    if (this.#significant === 0) return 0;
    if (shift < 0 || this.#significant + shift > smallDigits) return Number.NaN;
    const size = this.#small * 10 ** shift;
    return this.#isNegative ? -size : size;
  }

  /** The integer at `scale`; undefined when digits would be lost. */
  exact(scale: number): bigint | undefined {
    return scale + this.#power < 0 ? undefined : this.#whole() * powerOfTen(scale + this.#power);
  }

  /** The nearest integer at `scale`, ties to the even one. */
  rounded(scale: number): bigint {
    return this.exact(scale) ?? divideHalfEven(this.#whole(), powerOfTen(-scale - this.#power));
  }

  #whole(): bigint {
    const digits = this.#text.replace(/[eE].*$/, '').replace(/[^0-9]/g, '');
    const size = BigInt(digits.replace(/0+$/, '') || '0');
    return this.#isNegative ? -size : size;
  }

  /** Reads digits with at most one point; returns where they end (the end, or an E), -1 when it is no number. */
  #digits(from: number, end: number): number {
    this.#small = 0;
    this.#significant = 0;
    let trailing = 0;
    let whole = 0;
    let pointAt = -1;
    let at = from;
    for (; at < end; at += 1) {
      const code = this.#text.charCodeAt(at);
      if (code === point && pointAt < 0) {
        pointAt = at;
        continue;
      }
      if (code < zero || code > nine) break;
      whole += 1;
      if (code === zero) {
        if (this.#significant > 0) trailing += 1;
        continue;
      }
      this.#significant += trailing + 1;
      if (this.#significant <= smallDigits) this.#small = this.#small * 10 ** (trailing + 1) + (code - zero);
      trailing = 0;
    }
    if (whole === 0) return -1;
    this.#power = trailing - (pointAt < 0 ? 0 : at - pointAt - 1);
    return at === end || (this.#text.charCodeAt(at) | lowerCase) === letterE ? at : -1;
  }
}

/** The exponent behind the E at `at`; NaN when there is none. */
function exponentOf(text: string, at: number, end: number): number {
  const sign = text.charCodeAt(at + 1);
  const from = at + (sign === minus || sign === plus ? 2 : 1);
  let size = 0;
  for (let next = from; next < end; next += 1) {
    const code = text.charCodeAt(next);
    if (code < zero || code > nine) return Number.NaN;
    size = size * 10 + (code - zero);
  }
  if (from >= end || size > largestExponent) return Number.NaN;
  return sign === minus ? -size : size;
}
