import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRowid, readVarint, varintLength } from '../../../src/core/file-format/varint.ts';

/** The encoder of the format document, written independently of the reader. */
function encode(value: bigint): Uint8Array {
  let rest = BigInt.asUintN(64, value);
  if (rest >= 1n << 56n) {
    const bytes = [Number(rest & 0xffn)];
    rest >>= 8n;
    for (let index = 0; index < 8; index++) {
      bytes.unshift(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    return Uint8Array.from(bytes);
  }
  const bytes = [Number(rest & 0x7fn)];
  for (rest >>= 7n; rest > 0n; rest >>= 7n) bytes.unshift(Number(rest & 0x7fn) | 0x80);
  return Uint8Array.from(bytes);
}

describe('varint', () => {
  it('reads back every signed 64-bit integer', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.nat(5), (value, offset) => {
        const bytes = Uint8Array.from([...new Uint8Array(offset), ...encode(value), 0xff]);
        expect(readRowid(bytes, offset)).toBe(value);
        expect(varintLength(bytes, offset)).toBe(encode(value).length);
      }),
    );
  });

  it('reads lengths as numbers and marks what no length can be', () => {
    expect(readVarint(encode(127n), 0)).toBe(127);
    expect(readVarint(encode(128n), 0)).toBe(128);
    expect(readVarint(encode(2n ** 40n), 0)).toBe(2 ** 40);
    expect(readVarint(encode(-1n), 0)).toBe(Number.POSITIVE_INFINITY);
    expect(readVarint(encode(2n ** 55n), 0)).toBe(Number.POSITIVE_INFINITY);
  });

  it('tells a cut varint', () => {
    expect(readVarint(Uint8Array.of(0x81), 0)).toBeNaN();
    expect(readVarint(new Uint8Array(), 0)).toBeNaN();
    expect(readRowid(Uint8Array.of(0x81, 0x80), 0)).toBeUndefined();
  });
});
