import type { OperationContext } from '../../context.ts';
import { hasOwnRowId, type KeyedRow, splitRowId } from '../retention/live-unit.ts';
import { type ExactRow, pick } from '../retention/row.ts';
import type { ColumnShape, TableShape } from '../retention/table-shape.ts';
import type { ArchivedTable, ArchiveManifest } from './manifest.ts';

export type ArchiveFormat = 'sqlite' | 'parquet';

/** Compression of Parquet files. */
export type ParquetCodec = 'zstd' | 'snappy';

/** A row as it stands in an archive, with the number of its unit. */
export interface ArchivedRow extends KeyedRow {
  readonly unit: number;
}

/** A table of an archive before its rows are known. */
export type TableLayout = Omit<ArchivedTable, 'sums'>;

/** Writes the rows of one chunk into new files, which count only after `finish`. */
export interface ArchiveWriter {
  insert(table: number, unit: number, row: KeyedRow): void;
  /** The bytes are on the disk when this returns. */
  finish(): void;
  /** Safe to call at any time; leaves unfinished files to whoever removes them. */
  close(): void;
}

/** Reads a finished archive. */
export interface ArchiveReader {
  /** Makes `between` answer for these units; they only ever go forward. */
  load(from: number, to: number): Promise<void>;
  /** Rows of a table whose unit lies in [from, to], in the order of their units. */
  between(table: number, from: number, to: number): ArchivedRow[];
  /** The values of all rows of a table, some rows at a time, in whatever order: for sums. */
  content(table: number): AsyncGenerator<readonly ExactRow[], void, undefined>;
  /** All rows of a table, some at a time. */
  rows(table: number): AsyncGenerator<ArchivedRow[], void, undefined>;
  /** What is wrong with the files themselves, before any row is looked at; undefined when nothing is. */
  problem(): string | undefined;
  close(): void;
}

/** How the rows of a table stand in an archive; our own columns get names that the table does not have. */
export function layoutOf(shape: TableShape): TableLayout {
  const taken = new Set(shape.columns.map(({ name }) => name.toLowerCase()));
  const free = (wanted: string): string => {
    let name = wanted;
    while (taken.has(name)) name += '_';
    return name;
  };
  const column = ({ name, type, generated }: ColumnShape) => ({ name, type, generated });
  return {
    name: shape.name,
    sql: shape.sql,
    columns: shape.columns.map(column),
    unitColumn: free('tradedb_unit'),
    rowIdColumn: hasOwnRowId(shape) ? free('tradedb_rowid') : null,
    keyColumns: shape.keyColumns,
  };
}

/** A row of an archive from its own row id, where it has one, and its columns. */
export function archivedRow(layout: TableLayout, unit: number, stored: ExactRow): ArchivedRow {
  if (layout.rowIdColumn !== null) return { unit, ...splitRowId(stored) };
  return { unit, key: pick(stored, layout.keyColumns), row: stored };
}

/** Paths of the files of an archive under construction; a SQLite archive is one file, Parquet has one per table. */
export async function openArchiveWriter(
  format: ArchiveFormat,
  paths: readonly string[],
  parts: {
    readonly layouts: readonly TableLayout[];
    readonly encoding: string;
    readonly rowGroupRows: number;
    readonly codec: ParquetCodec;
  },
  context: OperationContext,
): Promise<ArchiveWriter> {
  if (format === 'sqlite') {
    const { SqliteArchiveWriter } = await import('./sqlite-file.ts');
    return new SqliteArchiveWriter(paths[0] ?? '', parts.layouts, parts.encoding, context);
  }
  const { ParquetArchiveWriter } = await import('./parquet-writer.ts');
  return new ParquetArchiveWriter(paths, parts.layouts, parts);
}

export async function openArchiveReader(
  paths: readonly string[],
  manifest: ArchiveManifest,
  context: OperationContext,
): Promise<ArchiveReader> {
  if (manifest.format === 'sqlite') {
    const { SqliteArchiveReader } = await import('./sqlite-file.ts');
    return new SqliteArchiveReader(paths[0] ?? '', manifest, context);
  }
  const { ParquetArchiveReader } = await import('./parquet-reader.ts');
  return ParquetArchiveReader.open(paths, manifest);
}
