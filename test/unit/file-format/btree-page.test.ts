import { describe, expect, it } from 'vitest';
import { childrenOf, findPageFault, localPayload, readPageHeader } from '../../../src/core/file-format/btree-page.ts';
import { readFreelistTrunk, walkFreelist } from '../../../src/core/file-format/freelist.ts';
import { journalPageChecksum, readJournalHeader } from '../../../src/core/file-format/journal-header.ts';
import { readRecord, readRecordHeader } from '../../../src/core/file-format/record.ts';

const limits = { usableSize: 512, pageCount: 100 };

/** A page of 512 bytes: type, cells at the given offsets, content start. */
function makePage(type: number, cells: number[], contentStart: number): Uint8Array {
  const page = new Uint8Array(512);
  const view = new DataView(page.buffer);
  view.setUint8(0, type);
  view.setUint16(3, cells.length);
  view.setUint16(5, contentStart);
  const interior = type === 2 || type === 5;
  if (interior) view.setUint32(8, 7);
  for (const [index, cell] of cells.entries()) {
    view.setUint16((interior ? 12 : 8) + 2 * index, cell);
    if (interior && cell < 508) view.setUint32(cell, 5 + index);
  }
  return page;
}

describe('page fault', () => {
  it('accepts sound leaves and interior pages', () => {
    expect(findPageFault(makePage(13, [500, 490], 490), 2, limits)).toBeUndefined();
    expect(findPageFault(makePage(13, [], 512), 2, limits)).toBeUndefined();
    expect(findPageFault(makePage(5, [500, 490], 490), 2, limits)).toBeUndefined();
    expect(childrenOf(makePage(5, [500, 490], 490), readPageHeader(makePage(5, [500, 490], 490), 2)!)).toEqual([
      5, 6, 7,
    ]);
  });

  it.each([
    ['a type that does not exist', makePage(7, [], 512), 'page type 7'],
    ['content behind the page', makePage(13, [], 600), 'behind the page'],
    ['pointers in the content', makePage(13, Array(200).fill(500), 400), 'reach into'],
    ['a cell before the content', makePage(13, [300], 490), 'cell pointer 300'],
    ['a cell behind the page', makePage(13, [511], 490), 'cell pointer 511'],
    ['a child that is no page', makePage(5, [500], 500).fill(0xff, 500, 504), 'child 4294967295'],
  ])('tells %s', (_, page, message) => {
    expect(findPageFault(page, 2, limits)).toContain(message);
  });

  it('tells freeblocks that overlap or leave the page', () => {
    const page = makePage(13, [500], 400);
    const view = new DataView(page.buffer);
    view.setUint16(1, 420);
    view.setUint16(420, 422);
    view.setUint16(422, 10);
    expect(findPageFault(page, 2, limits)).toContain('overlaps');
    view.setUint16(420, 0);
    view.setUint16(422, 200);
    expect(findPageFault(page, 2, limits)).toContain('impossible size');
    view.setUint16(422, 10);
    expect(findPageFault(page, 2, limits)).toBeUndefined();
  });

  it('reads a right child of zero as a fault', () => {
    const page = makePage(5, [500], 500);
    new DataView(page.buffer).setUint32(8, 0);
    expect(findPageFault(page, 2, limits)).toContain('right child 0');
  });
});

describe('local payload', () => {
  it('keeps what fits and spills by the formula of the format', () => {
    expect(localPayload(4061, 13, 4096)).toBe(4061);
    expect(localPayload(4062, 13, 4096)).toBe(489);
    expect(localPayload(1002, 10, 4096)).toBe(1002);
    expect(localPayload(1003, 10, 4096)).toBe(489);
    expect(localPayload(477, 13, 512)).toBe(477);
  });
});

describe('record', () => {
  it('refuses reserved serial types and bodies of another length', () => {
    expect(readRecordHeader(Uint8Array.of(2, 10))).toBeUndefined();
    expect(readRecord(Uint8Array.of(2, 1), 'utf-8')).toBeUndefined();
    expect(readRecord(Uint8Array.of(2, 1, 5, 6), 'utf-8')).toBeUndefined();
    expect(readRecord(Uint8Array.of(3, 1, 8, 0xff), 'utf-8')).toEqual([-1n, 0n]);
    expect(readRecord(new Uint8Array(), 'utf-8')).toBeUndefined();
  });
});

describe('freelist', () => {
  function trunk(next: number, leaves: number[]): Uint8Array {
    const page = new Uint8Array(512);
    const view = new DataView(page.buffer);
    view.setUint32(0, next);
    view.setUint32(4, leaves.length);
    for (const [index, leaf] of leaves.entries()) view.setUint32(8 + 4 * index, leaf);
    return page;
  }

  it('ends at a loop, at a page named twice and at a wrong count', () => {
    const pages: Record<number, Uint8Array> = { 10: trunk(11, [20, 21]), 11: trunk(10, [22]), 12: trunk(0, [20, 20]) };
    const read = (number: number): Uint8Array | undefined => pages[number];
    expect(walkFreelist(10, 5, read, limits).fault?.message).toContain('page 10 is in the freelist twice');
    expect(walkFreelist(12, 3, read, limits).fault?.message).toContain('page 20 is in the freelist twice');
    expect(walkFreelist(13, 1, read, limits).fault?.message).toContain('cannot be read');
    pages[11] = trunk(0, [22]);
    expect(walkFreelist(10, 5, read, limits).fault).toBeUndefined();
    expect(walkFreelist(10, 6, read, limits).fault?.message).toBe('5 free pages found, the header says 6');
  });

  it('refuses trunks that name pages which do not exist', () => {
    expect(readFreelistTrunk(trunk(0, [101]), limits)).toBe('leaf 101 is no page');
    expect(readFreelistTrunk(trunk(101, []), limits)).toBe('next trunk 101 is no page');
    const full = trunk(0, []);
    new DataView(full.buffer).setUint32(4, 127);
    expect(readFreelistTrunk(full, limits)).toContain('do not fit');
  });
});

describe('journal header', () => {
  it('knows a live header from an ended one', () => {
    const bytes = new Uint8Array(28);
    bytes.set([0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
    const view = new DataView(bytes.buffer);
    view.setUint32(8, 0xffffffff);
    view.setUint32(16, 9);
    view.setUint32(20, 512);
    view.setUint32(24, 4096);
    expect(readJournalHeader(bytes)).toEqual({
      recordCount: undefined,
      nonce: 0,
      initialPageCount: 9,
      sectorSizeBytes: 512,
      pageSizeBytes: 4096,
    });
    bytes[0] = 0;
    expect(readJournalHeader(bytes)).toBeUndefined();
    expect(journalPageChecksum(new Uint8Array(1024).fill(1), 0xffffffff)).toBe(4);
  });
});
