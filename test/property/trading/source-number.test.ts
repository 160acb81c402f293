import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { divideHalfEven, formatDecimal, powerOfTen } from '../../../src/core/trading/decimal.ts';
import { SourceNumber } from '../../../src/core/trading/mapping/source-number.ts';

const number = new SourceNumber();
const scales = fc.integer({ min: 0, max: 12 });
const numRuns = 2000;

/** A decimal of at most 15 digits: its digits, and how many of them are decimals. */
const decimals = fc.record({
  digits: fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }),
  scale: fc.integer({ min: 0, max: 15 }),
});

describe('REAL', () => {
  test('every decimal of 15 digits is exact at its scale, and back it is the same text', () => {
    fc.assert(
      fc.property(decimals, ({ digits, scale }) => {
        const x = Number(formatDecimal(digits, scale));
        expect(number.read(x, scale)).toBe(digits + 0);
        expect(number.outcome).toBe('exact');
      }),
      { numRuns },
    );
  });

  test('sums and differences of decimals are the decimal that arithmetic meant', () => {
    const cents = fc.integer({ min: -99_999_999, max: 99_999_999 });
    let noisy = 0;
    fc.assert(
      fc.property(fc.array(cents, { minLength: 2, maxLength: 40 }), fc.integer({ min: 1, max: 8 }), (terms, scale) => {
        const sum = terms.reduce((total, term) => total + Number(formatDecimal(term, scale)), 0);
        expect(number.read(sum, scale)).toBe(terms.reduce((total, term) => total + term, 0) + 0);
        if (number.outcome === 'noise') noisy += 1;
        expect(['exact', 'noise']).toContain(number.outcome);
      }),
      { numRuns },
    );
    expect(noisy).toBeGreaterThan(numRuns / 10);
  });

  test('products of decimals too', () => {
    const factor = fc.integer({ min: 1, max: 999_999 });
    fc.assert(
      fc.property(factor, factor, (left, right) => {
        const product = (left / 1000) * (right / 1000);
        expect(number.read(product, 6)).toBe(left * right);
        expect(['exact', 'noise']).toContain(number.outcome);
      }),
      { numRuns },
    );
  });

  test('genuine further digits are never cut', () => {
    const further = fc.integer({ min: 1, max: 99 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9_999_999_999 }), further, scales, (digits, extra, scale) => {
        fc.pre(extra % 100 !== 0);
        const x = Number(formatDecimal(digits * 100 + extra, scale + 2));
        expect(number.read(x, scale)).toBeNaN();
        expect(number.outcome).toBe('precision_exceeds_scale');
      }),
      { numRuns },
    );
  });

  test('one short decimal beyond a thousandth of a unit is genuine; a long tail is noise', () => {
    expect(number.read(5.000_000_1, 0)).toBeNaN();
    expect(number.outcome).toBe('precision_exceeds_scale');
    expect(number.read(5.000_000_000_000_4, 0)).toBe(5);
    expect(number.outcome).toBe('noise');
    expect(number.read(0.1 + 0.2, 8)).toBe(30_000_000);
    expect(number.outcome).toBe('noise');
  });

  test.each([
    [Number.NaN, 'bad_number'],
    [Number.POSITIVE_INFINITY, 'bad_number'],
    [Number.NEGATIVE_INFINITY, 'bad_number'],
    [null, 'bad_number'],
    [undefined, 'bad_number'],
    [true, 'bad_number'],
    [new Uint8Array([1]), 'bad_number'],
    [1e300, 'value_out_of_range'],
    [9_007_199_254_740_992, 'value_out_of_range'],
  ])('%s is refused', (value, outcome) => {
    expect(number.read(value, 8)).toBeNaN();
    expect(number.outcome).toBe(outcome);
  });

  test('zero below zero is zero', () => {
    expect(Object.is(number.read(-0, 4), 0)).toBe(true);
    expect(Object.is(number.read('-0.00', 4), 0)).toBe(true);
  });

  test('the edge of 2^53 at scale 0', () => {
    expect(number.read(9_007_199_254_740_991, 0)).toBe(9_007_199_254_740_991);
    expect(number.read(-9_007_199_254_740_991, 0)).toBe(-9_007_199_254_740_991);
    expect(number.read(9_007_199_254_740_992, 0)).toBeNaN();
  });
});

describe('text and integers', () => {
  test('text to integer is the identity, of any width', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }), fc.integer({ min: 0, max: 18 }), (value, scale) => {
        const text = formatDecimal(value, scale);
        expect(number.readBig(text, scale)).toBe(value);
        const isSafe = value <= 9_007_199_254_740_991n && value >= -9_007_199_254_740_991n;
        const small = number.read(text, scale);
        expect(number.outcome).toBe(isSafe ? 'exact' : 'value_out_of_range');
        if (isSafe) expect(small).toBe(Number(value));
        else expect(small).toBeNaN();
      }),
      { numRuns },
    );
  });

  test('an exponent moves the point', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 0, max: 9 }),
        fc.integer({ min: 0, max: 9 }),
        (value, scale, shift) => {
          const moved = `${formatDecimal(value, scale + shift)}e+${shift}`;
          expect(number.read(moved, scale)).toBe(value + 0);
          expect(number.read(`${value}E-${scale}`, scale)).toBe(value + 0);
        },
      ),
    );
    expect(number.read('1E-8', 8)).toBe(1);
    expect(number.read('1E-9', 8)).toBeNaN();
    expect(number.outcome).toBe('precision_exceeds_scale');
  });

  test.each([
    '',
    ' ',
    ' 1',
    '1 ',
    '5m',
    'NaN',
    'Infinity',
    '-',
    '+',
    '.',
    '1.2.3',
    '1,5',
    '1e',
    'e5',
    '1e5x',
    '0x10',
    '--1',
    '1e999',
    '1_0',
    '١',
  ])('%j is no number', (text) => {
    expect(number.read(text, 8)).toBeNaN();
    expect(number.outcome).toBe('bad_number');
    expect(number.readBig(text, 8)).toBeUndefined();
    expect(number.decimalsOf(text, 12)).toBeNaN();
  });

  test('text longer than any number is refused without being read', () => {
    expect(number.read('9'.repeat(10_000_000), 8)).toBeNaN();
    expect(number.outcome).toBe('bad_number');
  });

  test('counts of smaller units come over exactly, or not at all', () => {
    const values = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(values, scales, scales, (value, from, to) => {
        const got = number.readScaled(value, from, to);
        const grown = value * powerOfTen(to);
        const isWhole = grown % powerOfTen(from) === 0n;
        const exact = grown / powerOfTen(from);
        const isSafe = Number.isSafeInteger(Number(exact));
        expect(number.outcome).toBe(!isWhole ? 'precision_exceeds_scale' : isSafe ? 'exact' : 'value_out_of_range');
        if (number.outcome === 'exact') expect(got).toBe(Number(exact));
        else expect(got).toBeNaN();
        expect(number.readScaled(String(value), from, to)).toEqual(got);
      }),
      { numRuns },
    );
  });

  test('a scaled integer that a column made REAL', () => {
    expect(number.readScaled(23_000_000, 6, 8)).toBe(2_300_000_000);
    expect(number.readScaled(23.5, 6, 8)).toBeNaN();
    expect(number.outcome).toBe('precision_exceeds_scale');
  });
});

describe('ratios and scales', () => {
  test('rounding is half-even by the decimal, not by its binary image', () => {
    expect(number.readRounded(0.125, 2)).toBe(12);
    expect(number.readRounded(0.375, 2)).toBe(38);
    expect(number.readRounded(1.005, 2)).toBe(100);
    expect(number.readRounded(1.015, 2)).toBe(102);
    expect(number.readRounded(-1.005, 2)).toBe(-100);
    expect(number.readRounded(2 / 3, 8)).toBe(66_666_667);
    expect(number.readRounded('0.666666666666666666', 8)).toBe(66_666_667);
    expect(number.readRounded(Number.NaN, 2)).toBeNaN();
  });

  test('a ratio of integers is rounded to the neighbour that exact division gives', () => {
    const sizes = fc.integer({ min: 1, max: 99_999_999 });
    fc.assert(
      fc.property(sizes, sizes, (cost, qty) => {
        fc.pre((BigInt(cost) * 200_000_000n) % BigInt(qty) !== 0n);
        const want = divideHalfEven(BigInt(cost) * 10n ** 8n, BigInt(qty));
        fc.pre(want < 10n ** 14n);
        expect(number.readRounded(cost / qty, 8)).toBe(Number(want));
      }),
      { numRuns },
    );
  });

  test('the decimals of a value are those that it was written with', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999_999_999_999 }), scales, (digits, scale) => {
        fc.pre(digits % 10 !== 0);
        const text = formatDecimal(digits, scale);
        expect(number.decimalsOf(Number(text), 12)).toBe(scale);
        expect(number.outcome).toBe('exact');
        expect(number.decimalsOf(text, 12)).toBe(scale);
      }),
      { numRuns },
    );
    expect(number.decimalsOf(0.1 + 0.2, 12)).toBe(1);
    expect(number.outcome).toBe('noise');
    expect(number.decimalsOf(1 / 3, 12)).toBe(-1);
    expect(number.decimalsOf(1200n, 12)).toBe(0);
    expect(number.decimalsOf('0.0000000000001', 12)).toBe(-1);
    expect(number.decimalsOf(Number.NaN, 12)).toBeNaN();
  });
});
