import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ArchiveFormat,
  openArchiveReader,
  openArchiveWriter,
} from '../../../src/core/maintenance/archive/format.ts';
import type { ArchivedTable, ArchiveManifest } from '../../../src/core/maintenance/archive/manifest.ts';
import { RowEncoder } from '../../../src/core/maintenance/archive/row-hash.ts';
import { RowSums } from '../../../src/core/maintenance/archive/row-sums.ts';
import type { KeyedRow } from '../../../src/core/maintenance/retention/live-unit.ts';
import { type ExactRow, type ExactValue, RawText } from '../../../src/core/maintenance/retention/row.ts';
import { testContext } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const integer = fc.oneof(
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  fc.constantFrom(0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)),
);
// SQLite stores a NaN as NULL.
const real = fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(-0, Number.POSITIVE_INFINITY, 5e-324));
const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', 'a\0b', '\ufffd', 'é', '😀'));
const blob = fc.uint8Array({ maxLength: 40 });
const raw = fc.constantFrom(new RawText(Buffer.from([0xff, 0, 0x41])), new RawText(Buffer.from([0xc3])));
const nullable = (value: fc.Arbitrary<ExactValue>): fc.Arbitrary<ExactValue> => fc.oneof(fc.constant(null), value);

/** Rows of which each column has one class, as Parquet wants it. */
const uniform = fc
  .array(fc.constantFrom<fc.Arbitrary<ExactValue>>(integer, real, text, blob), { minLength: 1, maxLength: 6 })
  .chain((columns) => fc.array(fc.tuple(...columns.map(nullable)), { minLength: 1, maxLength: 60 }));
const mixed = fc.integer({ min: 1, max: 35 }).chain((columns) =>
  fc.array(fc.array(nullable(fc.oneof(integer, real, text, blob, raw)), { minLength: columns, maxLength: columns }), {
    minLength: 1,
    maxLength: 20,
  }),
);

/** As a table would be declared that holds these rows. */
function declaredType(rows: readonly ExactRow[], column: number): string {
  const value = rows.map((row) => row[column] ?? null).find((one) => one !== null);
  if (typeof value === 'bigint') return 'INTEGER';
  if (typeof value === 'number') return 'REAL';
  return typeof value === 'string' ? 'TEXT' : 'BLOB';
}

function tableOf(name: string, rows: readonly ExactRow[]): ArchivedTable {
  const columns = rows[0]?.length ?? 0;
  return {
    name,
    sql: '',
    columns: Array.from({ length: columns }, (_, index) => ({
      name: `c "${index}"`,
      type: declaredType(rows, index),
      generated: false,
    })),
    unitColumn: 'tradedb_unit',
    rowIdColumn: 'tradedb_rowid',
    keyColumns: [],
    sums: new RowSums(columns).sums,
  };
}

async function roundTrip(rows: readonly ExactRow[], format: ArchiveFormat, tables: number): Promise<void> {
  const layouts = Array.from({ length: tables }, (_, index) => tableOf(`t${index}`, rows));
  const folder = temporaryFolder();
  const names = format === 'sqlite' ? ['a.db'] : layouts.map(({ name }) => `${name}.parquet`);
  const paths = names.map((name) => join(folder, name));
  const exactText = rows.some((row) => row.some((value) => value instanceof RawText));
  const target = { layouts, encoding: 'UTF-8', codec: tables === 1 ? 'zstd' : 'snappy', rowGroupRows: 7 } as const;
  const writer = await openArchiveWriter(format, paths, target, testContext());
  const keyed: KeyedRow[] = rows.map((row, index) => ({ key: [BigInt(index)], row }));
  keyed.forEach((row, index) => {
    for (let table = 0; table < tables; table += 1) writer.insert(table, index + 1, row);
  });
  writer.finish();
  writer.close();
  const manifest = { format, exactText, tables: layouts } as unknown as ArchiveManifest;
  const reader = await openArchiveReader(paths, manifest, testContext());
  try {
    for (let table = 0; table < tables; table += 1) {
      const expected = new RowSums(layouts[table]?.columns.length ?? 0);
      const found = new RowSums(layouts[table]?.columns.length ?? 0);
      let at = 0;
      for await (const page of reader.rows(table)) {
        for (const row of page) {
          expect(bytesOf(row.row)).toBe(bytesOf(rows[at] ?? []));
          expect(row).toMatchObject({ unit: at + 1, key: [BigInt(at)] });
          expected.add(rows[at] ?? []);
          found.add(row.row);
          at += 1;
        }
      }
      expect(at).toBe(rows.length);
      expect(found.sums).toEqual(expected.sums);
    }
    // Steps forward through the units, as the deletes go.
    for (let from = 1; from <= rows.length; from += 5) {
      await reader.load(from, from + 4);
      const units = reader.between(tables - 1, from, from + 4).map(({ unit }) => unit);
      expect(units).toEqual(Array.from({ length: Math.min(5, rows.length - from + 1) }, (_, index) => from + index));
    }
  } finally {
    reader.close();
  }
}

/** A row group whose second column holds nothing but empty blobs, and one whose first group has only NULL. */
const emptyBlobs: ExactRow[] = [
  [null, Buffer.of(), null],
  [null, null, 0n],
  ...Array.from({ length: 5 }, () => [null, Buffer.of(), 0n]),
  [0n, null, null],
];

const bytesOf = (row: ExactRow): string => Buffer.from(new RowEncoder().encode(row)).toString('hex');

describe('an archive gives back what was put in', () => {
  it('Parquet, for columns of one class, alone and as parent and child', async () => {
    await fc.assert(
      fc.asyncProperty(uniform, fc.integer({ min: 1, max: 2 }), (rows, tables) => roundTrip(rows, 'parquet', tables)),
      { numRuns: 60, examples: [[emptyBlobs, 1]] },
    );
  });

  it('SQLite, whatever stands in a column', async () => {
    await fc.assert(
      fc.asyncProperty(mixed, (rows) => roundTrip(rows, 'sqlite', 2)),
      { numRuns: 40 },
    );
  });

  it('the bytes and the hash of a row tell values and classes apart', () => {
    const value = nullable(fc.oneof(integer, real, text, blob, raw));
    const row = fc.array(value, { minLength: 2, maxLength: 4 });
    const same = (a: ExactRow, b: ExactRow): boolean =>
      a.length === b.length && a.every((one, index) => equalValue(one, b[index] ?? null));
    fc.assert(
      fc.property(row, row, (a, b) => {
        const sums = (one: ExactRow): string => {
          const added = new RowSums(one.length);
          added.add(one);
          return added.sums.hash;
        };
        expect(bytesOf(a) === bytesOf(b)).toBe(same(a, b));
        expect(sums(a) === sums(b)).toBe(same(a, b));
      }),
      { numRuns: 500 },
    );
  });

  it('equal rows count in the sums: two of one row are not two of another', () => {
    const sums = (...rows: ExactRow[]) => {
      const added = new RowSums(1);
      for (const row of rows) added.add(row);
      return added.sums;
    };
    expect(sums(['a'], ['a'], ['b']).hash).not.toBe(sums(['a'], ['b'], ['b']).hash);
    expect(sums(['a'], ['b'])).toEqual(sums(['b'], ['a']));
    expect(sums([2n ** 62n], [2n ** 62n], [2n ** 62n]).integers).toEqual([String(3n * 2n ** 62n)]);
  });
});

function equalValue(a: ExactValue, b: ExactValue): boolean {
  if (a instanceof RawText || b instanceof RawText) {
    return a instanceof RawText && b instanceof RawText && Buffer.compare(a.bytes, b.bytes) === 0;
  }
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  }
  return Object.is(a, b);
}
