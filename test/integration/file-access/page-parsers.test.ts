import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import {
  findPageFault,
  isBtreeType,
  pageType,
  readCell,
  readPageHeader,
  uint16,
  uint32,
} from '../../../src/core/file-format/btree-page.ts';
import { walkFreelist } from '../../../src/core/file-format/freelist.ts';
import { type RecordValue, readRecord, type TextEncoding, textEncoding } from '../../../src/core/file-format/record.ts';
import { makeSoundDatabase } from '../../support/sound-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

interface Image {
  readonly bytes: Uint8Array;
  readonly pageSize: number;
  readonly pageCount: number;
  readonly encoding: TextEncoding;
}

function load(path: string): Image {
  const bytes = readFileSync(path);
  const size = uint16(bytes, 16);
  const pageSize = size === 1 ? 65536 : size;
  const encoding = textEncoding(uint32(bytes, 56));
  if (encoding === undefined) throw new Error('no encoding');
  return { bytes, pageSize, pageCount: bytes.length / pageSize, encoding };
}

const pageOf = (image: Image, number: number): Uint8Array =>
  image.bytes.subarray((number - 1) * image.pageSize, number * image.pageSize);

/** All rows of a table or WITHOUT ROWID index by walking from its root. */
function rowsFrom(image: Image, root: number): { rowid: bigint | undefined; values: RecordValue[] }[] {
  const page = pageOf(image, root);
  const header = readPageHeader(page, root);
  if (header === undefined) throw new Error(`page ${root} is no b-tree page`);
  const rows: { rowid: bigint | undefined; values: RecordValue[] }[] = [];
  for (let index = 0; index < header.cellCount; index++) {
    const cell = readCell(page, header.type, uint16(page, header.pointersAt + 2 * index), image.pageSize);
    if (cell === undefined) throw new Error('broken cell');
    if (cell.child !== 0) rows.push(...rowsFrom(image, cell.child));
    if (header.type === pageType.tableInterior) continue;
    const parts = [cell.local];
    let left = cell.payloadSize - cell.local.length;
    for (let next = cell.overflow; left > 0; ) {
      const overflow = pageOf(image, next);
      const taken = Math.min(left, image.pageSize - 4);
      parts.push(overflow.subarray(4, 4 + taken));
      left -= taken;
      next = uint32(overflow, 0);
    }
    const values = readRecord(Buffer.concat(parts), image.encoding);
    if (values === undefined) throw new Error('broken record');
    rows.push({ rowid: cell.rowid, values });
  }
  if (header.rightChild !== 0) rows.push(...rowsFrom(image, header.rightChild));
  return rows;
}

const comparable = (value: unknown): unknown =>
  value instanceof Uint8Array
    ? `x${Buffer.from(value).toString('hex')}`
    : typeof value === 'bigint'
      ? Number(value)
      : value;

describe.each([512, 1024, 4096, 8192, 65536])('a sound database with pages of %i bytes', (pageSize) => {
  it.each(['UTF-8', 'UTF-16le', 'UTF-16be'] as const)('gives the same rows as SQLite in %s', (encoding) => {
    const path = join(temporaryFolder(), 'a.db');
    makeSoundDatabase(path, { pageSize, encoding, rows: 150 });
    const image = load(path);
    const db = new Database(path, { readonly: true });
    const root = (name: string): number =>
      db.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(name) as number;
    const trades = db.prepare('SELECT * FROM trade ORDER BY id').raw().all() as unknown[][];
    const settings = db.prepare('SELECT * FROM setting ORDER BY name').raw().all() as unknown[][];
    const roots = { trade: root('trade'), setting: root('setting') };
    db.close();
    const found = rowsFrom(image, roots.trade);
    expect(found.map(({ rowid, values }) => [Number(rowid), ...values.slice(1).map(comparable)])).toEqual(
      trades.map((row) => row.map(comparable)),
    );
    const keys = rowsFrom(image, roots.setting).map(({ values }) => values.map(comparable));
    expect(keys.sort()).toEqual(settings.map((row) => row.map(comparable)).sort());
  });

  it('has no page fault, and a freelist of the length that the header says', () => {
    const path = join(temporaryFolder(), 'a.db');
    makeSoundDatabase(path, { pageSize });
    const image = load(path);
    const limits = { usableSize: pageSize, pageCount: image.pageCount };
    const list = walkFreelist(
      uint32(image.bytes, 32),
      uint32(image.bytes, 36),
      (number) => pageOf(image, number),
      limits,
    );
    expect(list.fault).toBeUndefined();
    expect(list.leaves.length).toBeGreaterThan(0);
    const free = new Set([...list.trunks, ...list.leaves]);
    let trees = 0;
    for (let number = 1; number <= image.pageCount; number++) {
      const page = pageOf(image, number);
      if (free.has(number) || !isBtreeType(page[number === 1 ? 100 : 0] ?? 0)) continue;
      // An overflow page can begin with a byte that is a type: only pages that are linked as children are judged here.
      if (findPageFault(page, number, limits) === undefined) trees += 1;
    }
    expect(trees).toBeGreaterThan(3);
  });
});
