import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type AsyncBuffer, type Compressors, type FileMetaData, parquetMetadataAsync, parquetRead } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { TradedbError } from '../../../error.ts';
import type { ClosableTable } from '../file/file-tables.ts';
import type { RowRange, Slice, SliceLimits, SourceKey, SourceRow } from '../source.ts';
import { type ColumnReader, columnReader, plainElement } from './value.ts';

/** The number of a row, from 1. */
export const rowColumn = '#row';
/** Rows in memory at once; a row group can have many more. */
const spanRows = 131_072;

/** The programs of Node are many times as fast as the same in JavaScript. */
const decompressors: Compressors = {
  ...compressors,
  GZIP: (input) => gunzipSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
  ZSTD: (input) => zstdDecompressSync(input),
};

const text = new TextDecoder('utf-8', { fatal: true });

/** Text that is none stays bytes; JSON stays text; times come as nanoseconds. */
const parsers = {
  stringFromBytes: decoded,
  jsonFromBytes: decoded,
  timestampFromNanoseconds: (nanos: bigint) => nanos,
};

function decoded(bytes: Uint8Array): unknown {
  try {
    return bytes === undefined ? undefined : text.decode(bytes);
  } catch {
    return bytes;
  }
}

/** Opens a Parquet file as the rows of a stream. Throws `not_a_database` for another file. */
export async function parquetTable(path: string): Promise<ClosableTable> {
  const file = openSync(path, 'r');
  try {
    const bytes = fileBytes(file);
    const metadata = await metadataOf(bytes, path);
    return new ParquetTable(path, bytes, metadata, () => closeSync(file));
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function fileBytes(file: number): AsyncBuffer {
  const { size } = fstatSync(file);
  return {
    byteLength: size,
    slice(start, end = size) {
      const bytes = new Uint8Array(Math.max(Math.min(end, size) - start, 0));
      for (let length = 0; length < bytes.length; ) {
        const read = readSync(file, bytes, length, bytes.length - length, start + length);
        if (read === 0) break;
        length += read;
      }
      return bytes.buffer;
    },
  };
}

async function metadataOf(bytes: AsyncBuffer, path: string): Promise<FileMetaData> {
  try {
    return await parquetMetadataAsync(bytes);
  } catch (cause) {
    throw new TradedbError('not_a_database', `${JSON.stringify(path)} is no Parquet file, or its end is missing`, {
      cause,
    });
  }
}

class ParquetTable implements ClosableTable {
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: RowRange;
  readonly mutable = false;
  readonly decimal = '.';
  readonly ownColumns = [rowColumn];
  readonly key = [rowColumn];
  readonly close: () => void;
  readonly #path: string;
  readonly #bytes: AsyncBuffer;
  readonly #metadata: FileMetaData;
  readonly #readers: readonly ColumnReader[];
  readonly #total: number;
  #span: readonly (readonly unknown[])[] = [];
  /** Row with which the span begins. */
  #from = 0;

  constructor(path: string, bytes: AsyncBuffer, metadata: FileMetaData, close: () => void) {
    const [root, ...rest] = metadata.schema;
    const elements = topLevel(rest);
    this.name = basename(path);
    this.columns = [...elements.map(({ name }) => name), rowColumn];
    this.close = close;
    this.#path = path;
    this.#bytes = bytes;
    this.#metadata = { ...metadata, schema: [...(root === undefined ? [] : [root]), ...rest.map(plainElement)] };
    this.#readers = elements.map(columnReader);
    this.#total = Number(metadata.num_rows);
    this.rows = {
      prepare: (after) => this.#load(rowBehind(after)),
      count: () => this.#total,
      read: (after, limits, visit) => this.#read(rowBehind(after), limits, visit),
    };
  }

  defect(): undefined {
    return undefined;
  }

  async #load(row: number): Promise<void> {
    if (row >= this.#total || (row >= this.#from && row < this.#from + this.#span.length)) return;
    const { from, to } = this.#spanOf(row);
    this.#span = [];
    try {
      await parquetRead({
        file: this.#bytes,
        metadata: this.#metadata,
        rowStart: from,
        rowEnd: to,
        compressors: decompressors,
        parsers,
        onComplete: (rows) => {
          this.#span = rows;
        },
      });
    } catch (cause) {
      const where = `rows ${from + 1} to ${to} of ${JSON.stringify(this.#path)} cannot be read`;
      throw new TradedbError('database_corrupt', where, {
        hint: cause instanceof Error ? cause.message : String(cause),
        cause,
      });
    }
    this.#from = from;
  }

  /** The part of the row group around a row that is held in memory. */
  #spanOf(row: number): { from: number; to: number } {
    let first = 0;
    for (const group of this.#metadata.row_groups) {
      const end = first + Number(group.num_rows);
      if (row < end) {
        const from = first + Math.floor((row - first) / spanRows) * spanRows;
        return { from, to: Math.min(from + spanRows, end) };
      }
      first = end;
    }
    return { from: row, to: this.#total };
  }

  #read(row: number, limits: SliceLimits, visit: (row: SourceRow) => void): Slice {
    if (row >= this.#total) return { rows: 0, last: undefined, done: true };
    if (row < this.#from || row >= this.#from + this.#span.length) {
      throw new TradedbError('internal', `row ${row} of ${this.#path} was not prepared`);
    }
    const end = Math.min(row + limits.rows, this.#from + this.#span.length);
    for (let at = row; at < end; at += 1) {
      const stored = this.#span[at - this.#from] ?? [];
      visit([...this.#readers.map((read, column) => read(stored[column])), at + 1]);
    }
    return { rows: end - row, last: [end], done: end >= this.#total };
  }
}

/** The key of a row is its number from 1, so it is the position of the next one. */
const rowBehind = (after: SourceKey | undefined): number => Number(after?.[0] ?? 0);

/** Elements that are no part of another one. */
function topLevel(elements: FileMetaData['schema']): FileMetaData['schema'] {
  const found: FileMetaData['schema'] = [];
  let inside = 0;
  for (const element of elements) {
    if (inside === 0) found.push(element);
    else inside -= 1;
    inside += element.num_children ?? 0;
  }
  return found;
}
