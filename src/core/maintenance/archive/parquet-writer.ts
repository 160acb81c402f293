import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { constants, zstdCompressSync } from 'node:zlib';
import { ByteWriter, type ColumnSource, ParquetWriter } from 'hyparquet-writer';
import { fromFileSystem } from '../../error.ts';
import type { KeyedRow } from '../retention/live-unit.ts';
import type { ArchiveWriter, ParquetCodec, TableLayout } from './format.ts';
import { ParquetColumn } from './parquet-column.ts';

/** Snappy comes with the writer. */
const compressors = {
  ZSTD: (bytes: Uint8Array): Uint8Array =>
    zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }),
};

/** One Parquet file per table, a row group at a time. Throws `ClassMismatch` for a value Parquet has no column for. */
export class ParquetArchiveWriter implements ArchiveWriter {
  readonly #tables: readonly ParquetTable[];

  constructor(
    paths: readonly string[],
    layouts: readonly TableLayout[],
    options: { readonly rowGroupRows: number; readonly codec: ParquetCodec },
  ) {
    const withUnits = layouts.length > 1;
    this.#tables = layouts.map(
      (layout, index) => new ParquetTable(paths[index] ?? '', layout, { withUnits, ...options }),
    );
  }

  insert(table: number, unit: number, row: KeyedRow): void {
    this.#tables[table]?.add(unit, row);
  }

  finish(): void {
    for (const table of this.#tables) table.finish();
  }

  close(): void {
    for (const table of this.#tables) table.close();
  }
}

class ParquetTable {
  readonly #layout: TableLayout;
  readonly #rowGroupRows: number;
  readonly #codec: ParquetCodec;
  readonly #units: ParquetColumn | undefined;
  readonly #rowIds: ParquetColumn | undefined;
  readonly #columns: readonly ParquetColumn[];
  readonly #all: readonly ParquetColumn[];
  readonly #sink: FileSink;
  #writer: ParquetWriter | undefined;
  #rows = 0;

  constructor(
    path: string,
    layout: TableLayout,
    options: { withUnits: boolean; rowGroupRows: number; codec: ParquetCodec },
  ) {
    this.#layout = layout;
    this.#rowGroupRows = options.rowGroupRows;
    this.#codec = options.codec;
    // A table that leaves alone needs no numbers: the position of a row is its unit.
    if (options.withUnits) this.#units = new ParquetColumn({ name: layout.unitColumn, type: 'INTEGER' });
    if (layout.rowIdColumn !== null) this.#rowIds = new ParquetColumn({ name: layout.rowIdColumn, type: 'INTEGER' });
    this.#columns = layout.columns.map((column) => new ParquetColumn(column));
    this.#all = [this.#units, this.#rowIds, ...this.#columns].filter((column) => column !== undefined);
    this.#sink = new FileSink(path);
  }

  add(unit: number, { key, row }: KeyedRow): void {
    this.#units?.add(BigInt(unit));
    this.#rowIds?.add(key[0] ?? null);
    for (let index = 0; index < this.#columns.length; index += 1) {
      (this.#columns[index] as ParquetColumn).add(row[index] ?? null);
    }
    this.#rows += 1;
    if (this.#rows === this.#rowGroupRows) this.#flush();
  }

  finish(): void {
    this.#flush();
    this.#open().finish();
    this.#sink.end();
  }

  close(): void {
    this.#sink.close();
  }

  #flush(): void {
    if (this.#rows === 0) return;
    const writer = this.#open();
    const columnData = this.#all.map((column) => column.take()) as ColumnSource[];
    writer.write({ columnData, rowGroupSize: this.#rows });
    this.#rows = 0;
    this.#sink.flush();
  }

  /** Only the first row group shows what the columns hold. */
  #open(): ParquetWriter {
    this.#writer ??= new ParquetWriter({
      writer: this.#sink,
      codec: this.#codec === 'zstd' ? 'ZSTD' : 'SNAPPY',
      compressors,
      createdBy: 'tradedb',
      schema: [{ name: 'schema', num_children: this.#all.length }, ...this.#all.map(({ schema }) => schema)],
      kvMetadata: [
        { key: 'tradedb.table', value: this.#layout.name },
        { key: 'tradedb.sql', value: this.#layout.sql },
      ],
    });
    return this.#writer;
  }
}

/** Collects bytes and hands them to a new file. */
class FileSink extends ByteWriter {
  readonly #path: string;
  #file: number | undefined;

  constructor(path: string) {
    super(1024 * 1024);
    this.#path = path;
    try {
      this.#file = openSync(path, 'wx', 0o600);
    } catch (error) {
      throw fromFileSystem(error, path);
    }
  }

  /** Called by the Parquet writer after each row group as well. */
  flush(): void {
    if (this.#file === undefined) return;
    const bytes = new Uint8Array(this.buffer, 0, this.index);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    } catch (error) {
      throw fromFileSystem(error, this.#path);
    }
    this.index = 0;
  }

  end(): void {
    this.flush();
    if (this.#file === undefined) return;
    try {
      fsyncSync(this.#file);
    } catch (error) {
      throw fromFileSystem(error, this.#path);
    }
    this.close();
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}
