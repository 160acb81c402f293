import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fingerprintBytes, fingerprintsOf, sameFingerprint } from '../../../src/core/file-format/page-fingerprint.ts';
import { WalChecksum } from '../../../src/core/file-format/wal-checksum.ts';

describe('page fingerprint', () => {
  test('one flipped bit anywhere changes the fingerprint of its page and of no other', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 2048, maxLength: 2048 }),
        fc.nat(2047),
        fc.nat(7),
        (bytes, position, bit) => {
          const before = fingerprintsOf(bytes, 512);
          const changed = bytes.slice();
          changed[position] = changed[position]! ^ (1 << bit);
          const after = fingerprintsOf(changed, 512);
          for (let page = 0; page < 4; page++) {
            expect(sameFingerprint(before, page, after, page)).toBe(page !== Math.floor(position / 512));
          }
        },
      ),
    );
  });

  test('twelve bytes a page; a zero page is not like an empty sum', () => {
    const prints = fingerprintsOf(new Uint8Array(8192), 4096);
    expect(prints.length).toBe(2 * fingerprintBytes);
    expect(sameFingerprint(prints, 0, prints, 1)).toBe(true);
  });

  test('aligned and unaligned bytes have the same checksum in both orders', () => {
    const bytes = Uint8Array.from({ length: 64 }, (_, index) => index * 7);
    const shifted = new Uint8Array(65);
    shifted.set(bytes, 1);
    for (const order of ['little', 'big'] as const) {
      const aligned = new WalChecksum(order).update(bytes);
      const unaligned = new WalChecksum(order).update(shifted, 1, 64);
      expect([unaligned.first, unaligned.second]).toEqual([aligned.first, aligned.second]);
    }
  });
});
