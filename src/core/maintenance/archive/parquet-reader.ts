import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetRead } from 'hyparquet';
import { fromFileSystem } from '../../error.ts';
import type { ExactRow } from '../retention/row.ts';
import { type ArchivedRow, type ArchiveReader, archivedRow } from './format.ts';
import type { ArchivedTable, ArchiveManifest } from './manifest.ts';

const compressors = { ZSTD: (bytes: Uint8Array): Uint8Array => zstdDecompressSync(bytes) };

/** Reads an archive of one Parquet file per table. */
export class ParquetArchiveReader implements ArchiveReader {
  readonly #tables: readonly ParquetTableReader[];

  private constructor(tables: readonly ParquetTableReader[]) {
    this.#tables = tables;
  }

  static async open(paths: readonly string[], manifest: ArchiveManifest): Promise<ParquetArchiveReader> {
    const tables: ParquetTableReader[] = [];
    try {
      for (const [index, layout] of manifest.tables.entries()) {
        const withUnits = manifest.tables.length > 1;
        tables.push(await ParquetTableReader.open(paths[index] ?? '', layout, withUnits));
      }
    } catch (error) {
      for (const table of tables) table.close();
      throw error;
    }
    return new ParquetArchiveReader(tables);
  }

  /** The hash of the bytes has been compared already, and reading the rows decodes every page. */
  problem(): string | undefined {
    return undefined;
  }

  async load(from: number, to: number): Promise<void> {
    for (const table of this.#tables) await table.load(from, to);
  }

  between(table: number, from: number, to: number): ArchivedRow[] {
    return this.#table(table).between(from, to);
  }

  rows(table: number): AsyncGenerator<ArchivedRow[], void, undefined> {
    return this.#table(table).groups(0);
  }

  content(table: number): AsyncGenerator<readonly ExactRow[], void, undefined> {
    return this.#table(table).values();
  }

  close(): void {
    for (const table of this.#tables) table.close();
  }

  #table(index: number): ParquetTableReader {
    const table = this.#tables[index];
    if (table === undefined) throw new Error(`no table ${index} in the archive`);
    return table;
  }
}

class ParquetTableReader {
  readonly #file: number;
  readonly #layout: ArchivedTable;
  readonly #withUnits: boolean;
  readonly #buffer: AsyncBuffer;
  readonly #metadata: FileMetaData;
  /** First row of each row group, and the end. */
  readonly #starts: readonly number[];
  /** Rows that were read and are still asked for, from `#head` on. */
  #window: ArchivedRow[] = [];
  #head = 0;
  #next = 0;

  private constructor(
    file: number,
    parts: { layout: ArchivedTable; withUnits: boolean; buffer: AsyncBuffer; metadata: FileMetaData },
  ) {
    this.#file = file;
    this.#layout = parts.layout;
    this.#withUnits = parts.withUnits;
    this.#buffer = parts.buffer;
    this.#metadata = parts.metadata;
    const starts = [0];
    for (const group of parts.metadata.row_groups) starts.push((starts.at(-1) ?? 0) + Number(group.num_rows));
    this.#starts = starts;
  }

  static async open(path: string, layout: ArchivedTable, withUnits: boolean): Promise<ParquetTableReader> {
    let file: number;
    try {
      file = openSync(path, 'r');
    } catch (error) {
      throw fromFileSystem(error, path);
    }
    try {
      const size = fstatSync(file).size;
      const buffer: AsyncBuffer = {
        byteLength: size,
        slice: (start, end = size) => readRange(file, path, { start, end }),
      };
      return new ParquetTableReader(file, { layout, withUnits, buffer, metadata: await parquetMetadataAsync(buffer) });
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  async load(from: number, to: number): Promise<void> {
    // Without numbers a row stands at a known place; groups before it are skipped.
    if (!this.#withUnits) {
      while (this.#next < this.#starts.length - 2 && (this.#starts[this.#next + 1] ?? 0) < from) this.#next += 1;
    }
    while (this.#head < this.#window.length && (this.#window[this.#head]?.unit ?? 0) < from) this.#head += 1;
    while ((this.#window.at(-1)?.unit ?? 0) <= to && this.#next < this.#starts.length - 1) {
      const rows = await this.#group(this.#next);
      this.#next += 1;
      this.#window = [...this.#window.slice(this.#head), ...rows.filter(({ unit }) => unit >= from)];
      this.#head = 0;
    }
  }

  between(from: number, to: number): ArchivedRow[] {
    const rows: ArchivedRow[] = [];
    for (let at = this.#head; at < this.#window.length; at += 1) {
      const row = this.#window[at] as ArchivedRow;
      if (row.unit > to) break;
      if (row.unit >= from) rows.push(row);
    }
    return rows;
  }

  async *groups(first: number): AsyncGenerator<ArchivedRow[], void, undefined> {
    for (let group = first; group < this.#starts.length - 1; group += 1) yield await this.#group(group);
  }

  async *values(): AsyncGenerator<readonly ExactRow[], void, undefined> {
    const own = (this.#withUnits ? 1 : 0) + (this.#layout.rowIdColumn === null ? 0 : 1);
    for (let group = 0; group < this.#starts.length - 1; group += 1) {
      const rows = await this.#read(group);
      yield own === 0 ? rows : rows.map((row) => row.slice(own));
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  async #group(index: number): Promise<ArchivedRow[]> {
    const start = this.#starts[index] ?? 0;
    return (await this.#read(index)).map((row, offset) => this.#row(row, start + offset + 1));
  }

  async #read(index: number): Promise<readonly ExactRow[]> {
    const start = this.#starts[index] ?? 0;
    let found: readonly ExactRow[] = [];
    await parquetRead({
      file: this.#buffer,
      metadata: this.#metadata,
      compressors,
      utf8: false,
      rowStart: start,
      rowEnd: this.#starts[index + 1] ?? start,
      onComplete: (rows) => {
        found = rows as unknown as readonly ExactRow[];
      },
    });
    return found;
  }

  #row(raw: ExactRow, position: number): ArchivedRow {
    if (!this.#withUnits) return archivedRow(this.#layout, position, raw);
    return archivedRow(this.#layout, Number(raw[0]), raw.slice(1));
  }
}

async function readRange(
  file: number,
  path: string,
  { start, end }: { readonly start: number; readonly end: number },
): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(end - start);
  try {
    for (let at = 0; at < bytes.length; ) {
      const count = readSync(file, bytes, at, bytes.length - at, start + at);
      if (count === 0) break;
      at += count;
    }
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  return bytes.buffer;
}
