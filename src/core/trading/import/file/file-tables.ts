import type { ConnectionPorts } from '../../../sqlite/connection-settings.ts';
import type { Mapping } from '../../mapping/mapping.ts';
import { columnOf } from '../mapped/fields.ts';
import type { MappedTables } from '../mapped/reader.ts';
import type { JoinedTable, MappedTable } from '../mapped/table.ts';
import type { ReaderOptions } from '../source.ts';
import { mappingOfCandles } from './candle-header.ts';
import type { SourceFiles } from './source-files.ts';
import { stagedTable } from './staged-table.ts';

export interface FileTablesPorts {
  readonly mapping: Mapping;
  readonly files: SourceFiles;
  readonly connectionPorts: ConnectionPorts;
  /** Columns that the mapping reads of the file. */
  open(path: string, columns: readonly string[]): ClosableTable | Promise<ClosableTable>;
  /** Its rows can only be read by waiting for them: all but market data is staged, so that it can be added up at once. */
  readonly isAsync?: boolean;
}

type Closable<T> = T & { close(): void };
export type ClosableTable = Closable<MappedTable>;

/** The mapping that a file of candles is by its columns; the table is closed again. */
export async function candlesOf(path: string, table: ClosableTable, { timezone }: ReaderOptions): Promise<Mapping> {
  try {
    return await mappingOfCandles(path, table, timezone);
  } finally {
    table.close();
  }
}

/** The files that a mapping names, opened; those whose rows are looked up are staged. */
export async function fileTables(ports: FileTablesPorts): Promise<MappedTables> {
  const { mapping, files, connectionPorts, open, isAsync = false } = ports;
  const plain = new Map<string, Closable<MappedTable>>();
  const staged = new Map<string, Closable<JoinedTable>>();
  const close = (): void => {
    for (const table of [...plain.values(), ...staged.values()]) table.close();
  };
  try {
    for (const from of new Set(Object.values(mapping.streams).map((stream) => stream?.from ?? ''))) {
      plain.set(from, await open(files.find(from), columnsRead(mapping, from)));
    }
    for (const [from, columns] of joins(mapping, isAsync)) {
      const table = plain.get(from);
      if (table !== undefined) staged.set(from, await stagedTable(table, known(columns, table), connectionPorts));
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    open: (from) => ((isAsync ? staged.get(from) : undefined) ?? plain.get(from)) as MappedTable,
    join: (from) => staged.get(from) as JoinedTable,
    others: files.others,
    close,
  };
}

/** Every column that a stream reads of a file, keys included. */
function columnsRead(mapping: Mapping, from: string): string[] {
  const names = Object.values(mapping.streams).flatMap((stream) =>
    stream?.from !== from
      ? []
      : [...stream.key, ...Object.keys(stream.columns).flatMap((column) => columnOf(stream, column) ?? [])],
  );
  return [...new Set(names)];
}

/** Columns by which rows are looked up, by file: fills and events by their order, orders by their key. */
function joins({ streams }: Mapping, isAsync: boolean): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const stream of isAsync ? [streams.funding, streams.locks, streams.state] : []) {
    if (stream !== undefined) found.set(stream.from, []);
  }
  for (const stream of [streams.orders, streams.fills, streams.order_events]) {
    if (stream === undefined) continue;
    const column = stream === streams.orders ? stream.key[0] : columnOf(stream, 'order');
    found.set(stream.from, [...(found.get(stream.from) ?? []), ...(column === undefined ? [] : [column])]);
  }
  return found;
}

/** A column that the file lacks is told when the stream is bound. */
const known = (columns: readonly string[], table: MappedTable): string[] =>
  [...new Set(columns)].filter((column) => table.columns.includes(column));
