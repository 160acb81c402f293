import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  findPageFault,
  isInteriorType,
  isPlainLeaf,
  pageHeaderOffset,
  readCell,
  readPageHeader,
  uint16,
} from '../../../src/core/file-format/btree-page.ts';
import { makeSoundDatabase } from '../../support/sound-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const pageSize = 1024;

function leavesOf(file: Buffer): { page: Buffer; number: number }[] {
  const pages = Array.from({ length: file.length / pageSize }, (_, index) => ({
    page: file.subarray(index * pageSize, (index + 1) * pageSize),
    number: index + 1,
  }));
  return pages.filter(({ page, number }) => {
    const header = readPageHeader(page, number);
    return header !== undefined && !isInteriorType(header.type);
  });
}

/** The slow way: the page by itself, then every cell. */
function isFaultless(page: Uint8Array, number: number, pageCount: number): boolean {
  if (findPageFault(page, number, { usableSize: pageSize, pageCount }) !== undefined) return false;
  const header = readPageHeader(page, number);
  if (header === undefined || isInteriorType(header.type)) return false;
  return Array.from({ length: header.cellCount }, (_, index) => uint16(page, header.pointersAt + 2 * index)).every(
    (cell) => readCell(page, header.type, cell, pageSize)?.overflow === 0,
  );
}

describe('the fast look at a leaf', () => {
  it('takes nearly every leaf of a sound database, and no leaf with a fault whatever bytes are wrong', () => {
    const path = join(temporaryFolder(), 'sound.db');
    makeSoundDatabase(path, { pageSize });
    const file = readFileSync(path);
    const leaves = leavesOf(file);
    const pageCount = file.length / pageSize;
    const plain = leaves.filter(({ page, number }) => isPlainLeaf(page, pageHeaderOffset(number), pageSize));
    expect(plain.length).toBeGreaterThan(leaves.length / 2);
    for (const { page, number } of plain) expect(isFaultless(page, number, pageCount)).toBe(true);

    const wrongByte = fc.record({
      at: fc.nat(pageSize - 1),
      near: fc.nat(60),
      value: fc.nat(255),
      early: fc.boolean(),
    });
    let taken = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.nat(leaves.length - 1), fc.array(wrongByte, { minLength: 1, maxLength: 3 }), (place, bytes) => {
        const { page, number } = leaves[place] as (typeof leaves)[number];
        const damaged = Buffer.from(page);
        // Half of them in header and cell pointers, where a wrong byte does most.
        for (const { at, near, value, early } of bytes) damaged[early ? pageHeaderOffset(number) + near : at] = value;
        if (!isPlainLeaf(damaged, pageHeaderOffset(number), pageSize)) {
          refused += 1;
          return;
        }
        taken += 1;
        expect(isFaultless(damaged, number, pageCount)).toBe(true);
      }),
      { numRuns: 10_000 },
    );
    expect(Math.min(taken, refused)).toBeGreaterThan(500);
  });
});
