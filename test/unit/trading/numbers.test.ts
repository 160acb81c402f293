import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { auditHash, auditPayload, auditStart } from '../../../src/core/trading/audit/chain.ts';
import { divideHalfEven, formatDecimal, parseDecimal, rescale } from '../../../src/core/trading/decimal.ts';
import { isoOfMicroseconds } from '../../../src/core/trading/time.ts';
import { notionalOf } from '../../../src/core/trading/units.ts';

describe('decimals', () => {
  test('text to integer to text is the identity', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }), fc.integer({ min: 0, max: 18 }), (value, scale) => {
        expect(parseDecimal(formatDecimal(value, scale), scale)).toBe(value);
      }),
    );
  });

  test.each([
    ['12', 2, 1200n],
    ['12.5', 2, 1250n],
    ['+12.50', 2, 1250n],
    ['-0.01', 2, -1n],
    ['1.2300000', 2, 123n],
    ['0', 0, 0n],
    ['9007199254740993', 0, 9007199254740993n],
  ])('%s at scale %i', (text, scale, value) => {
    expect(parseDecimal(text, scale)).toBe(value);
  });

  test.each(['', ' 1', '1 ', '1e5', '5m', 'NaN', 'Infinity', '.5', '5.', '1,5', '0.123'])('refuses %j', (text) => {
    expect(() => parseDecimal(text, 2)).toThrow();
  });

  test('half goes to the even neighbour', () => {
    const cases: [bigint, bigint, bigint][] = [
      [5n, 10n, 0n],
      [15n, 10n, 2n],
      [25n, 10n, 2n],
      [-15n, 10n, -2n],
      [-25n, 10n, -2n],
      [26n, 10n, 3n],
      [-24n, 10n, -2n],
    ];
    for (const [numerator, denominator, quotient] of cases)
      expect(divideHalfEven(numerator, denominator)).toBe(quotient);
    expect(rescale(12_345n, 4, 2)).toBe(123n);
    expect(rescale(-12_350n, 4, 2)).toBe(-124n);
  });

  test('the quick notional equals the exact one', () => {
    const scales = fc.record({
      priceScale: fc.integer({ min: 0, max: 6 }),
      qtyScale: fc.integer({ min: 0, max: 6 }),
      contractSize: fc.integer({ min: 1, max: 1000 }),
      contractScale: fc.integer({ min: 0, max: 3 }),
      quoteScale: fc.integer({ min: 0, max: 8 }),
      baseScale: fc.constant(8),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e8 }), fc.integer({ min: 1, max: 1e8 }), scales, (price, qty, at) => {
        const product = BigInt(price) * BigInt(qty) * BigInt(at.contractSize);
        const shift = at.priceScale + at.qtyScale + at.contractScale - at.quoteScale;
        const exact = shift >= 0 ? divideHalfEven(product, 10n ** BigInt(shift)) : product * 10n ** BigInt(-shift);
        if (exact > BigInt(Number.MAX_SAFE_INTEGER)) expect(() => notionalOf(price, qty, at)).toThrow('beyond');
        else expect(notionalOf(price, qty, at)).toBe(Number(exact));
      }),
      { numRuns: 2000 },
    );
  });
});

test('microseconds as text', () => {
  expect(isoOfMicroseconds(1_700_000_000_123_456)).toBe('2023-11-14T22:13:20.123456Z');
});

describe('audit chain', () => {
  const row = { seq: 1, tsUs: 2, actor: 'a', action: 'b', entity: 'c', entityId: '3', payload: '{"x":"é\\n"}' };

  test('the hash is that of the documented bytes', () => {
    // Computed with another implementation of SHA-256 from the bytes that the format names.
    expect(Buffer.from(auditHash(auditStart.hash, row)).toString('hex')).toBe(
      'cdbeab95ff049e92a51e25fe9c2c0b9b15c94ef5464352273d0b5f7f71bbd10e',
    );
  });

  test('every field changes it', () => {
    const before = Buffer.from(auditHash(auditStart.hash, row)).toString('hex');
    for (const change of [{ seq: 2 }, { tsUs: 3 }, { actor: 'x' }, { entityId: '4' }, { payload: '{}' }]) {
      expect(Buffer.from(auditHash(auditStart.hash, { ...row, ...change })).toString('hex')).not.toBe(before);
    }
  });

  test('payloads have sorted keys and no fractions of 64-bit numbers', () => {
    expect(auditPayload({ b: 1, a: { d: null, c: 2n ** 60n }, e: 5n, f: true })).toBe(
      '{"a":{"c":"1152921504606846976","d":null},"b":1,"e":5,"f":true}',
    );
  });
});
