import { TradedbError } from '../error.ts';

/**
 * Decimal text and scaled integers. A value at scale s is the integer value * 10^s; nothing is ever cut silently.
 */

const powers: bigint[] = [1n];

/** 10^exponent. */
export function powerOfTen(exponent: number): bigint {
  while (powers.length <= exponent) powers.push((powers.at(-1) ?? 1n) * 10n);
  return powers[exponent] ?? 1n;
}

export function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** Quotient rounded to the nearest integer, ties to the even one. `denominator` is positive. */
export function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const rest = numerator - quotient * denominator;
  const twice = absolute(rest) * 2n;
  if (twice < denominator || (twice === denominator && quotient % 2n === 0n)) return quotient;
  return quotient + (numerator < 0n ? -1n : 1n);
}

/** Brings a value from one scale to another, half-even where digits must go. */
export function rescale(value: bigint, from: number, to: number): bigint {
  return to >= from ? value * powerOfTen(to - from) : divideHalfEven(value, powerOfTen(from - to));
}

const decimalText = /^([+-]?)(\d+)(?:\.(\d+))?$/;

/**
 * The integer that `text` is at `scale`. Throws `value_not_representable` for anything but plain digits, and for more
 * decimals than the scale has (zeros at the end do not count).
 */
export function parseDecimal(text: string, scale: number): bigint {
  const match = decimalText.exec(text);
  if (match === null) {
    throw new TradedbError('value_not_representable', `${JSON.stringify(text)} is not a decimal number`, {
      hint: 'write digits with a point, such as "1438.36"',
    });
  }
  const fraction = (match[3] ?? '').replace(/0+$/, '');
  if (fraction.length > scale) {
    throw new TradedbError('value_not_representable', `${text} has more than ${scale} decimals`, {
      hint: 'the scale belongs to the instrument or asset; round before the call',
      details: { text, scale },
    });
  }
  const digits = BigInt(`${match[2]}${fraction.padEnd(scale, '0')}`);
  return match[1] === '-' ? -digits : digits;
}

/** The exact text of a value at `scale`, always with `scale` decimals. */
export function formatDecimal(value: bigint | number, scale: number): string {
  const whole = BigInt(value);
  const digits = absolute(whole)
    .toString()
    .padStart(scale + 1, '0');
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return whole < 0n ? `-${text}` : text;
}

/** A number that plain arithmetic keeps exact; throws `value_not_representable` beyond 2^53-1. */
export function safeInteger(value: bigint, what: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new TradedbError('value_not_representable', `${what} ${value} is beyond 9007199254740991`, {
    hint: 'choose a smaller scale for the instrument or asset',
  });
}
