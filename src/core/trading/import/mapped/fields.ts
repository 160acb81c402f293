import { TradedbError } from '../../../error.ts';
import type { ColumnSource, Stream } from '../../mapping/mapping.ts';
import { neededColumns, type StreamName } from '../../mapping/stream-columns.ts';
import { externalIdOf } from '../attribute.ts';
import type { SourceRow } from '../source.ts';
import { fieldOf } from './field.ts';
import type { Fields } from './names.ts';
import type { MappedTable } from './table.ts';

/** One stream of a mapping, bound to the rows it reads. */
export interface Bound<T extends MappedTable = MappedTable> {
  readonly name: StreamName;
  readonly stream: Stream;
  readonly table: T;
  readonly fields: Fields;
  /** Canonical text of the row's key. */
  externalId(row: SourceRow): string;
  /** Columns of the table that the mapping does not read. */
  readonly unread: readonly (readonly [name: string, at: number])[];
}

/** The column of the table that fills a column of the stream; undefined when a value for all rows does, or nothing. */
export function columnOf(stream: Stream, name: string): string | undefined {
  const source = (stream.columns as Readonly<Record<string, ColumnSource>>)[name];
  if (typeof source === 'string') return source;
  return source !== undefined && 'column' in source ? source.column : undefined;
}

/** Throws `config_invalid` for a column that the table lacks, and for one that an import cannot do without. */
export function bind<T extends MappedTable>(
  name: StreamName,
  stream: Stream,
  from: { table: T; hasOrders: boolean },
): Bound<T> {
  const { table, hasOrders } = from;
  const at = (column: string): number => {
    const index = table.columns.indexOf(column);
    if (index >= 0) return index;
    throw new TradedbError('config_invalid', `streams.${name}: ${table.name} has no column ${JSON.stringify(column)}`, {
      hint: `it has ${table.columns.filter((each) => !table.ownColumns.includes(each)).join(', ')}`,
    });
  };
  const sources = Object.entries(stream.columns);
  const lacking = neededColumns(name, hasOrders).filter((column) => !sources.some(([filled]) => filled === column));
  if (lacking.length > 0) {
    throw new TradedbError('config_invalid', `streams.${name} does not say where ${lacking.join(', ')} come from`, {
      hint: 'an import needs them; a column for all rows is { "value": ... }',
    });
  }
  const fields = Object.fromEntries(sources.map(([column, source]) => [column, fieldOf(source, at, table.decimal)]));
  const key = stream.key.map(at);
  const place = table.key.map(at);
  const read = new Set([
    ...key,
    ...sources.flatMap(([filled]) => {
      const column = columnOf(stream, filled);
      return column === undefined ? [] : [at(column)];
    }),
  ]);
  return {
    name,
    stream,
    table,
    fields,
    externalId(row): string {
      const values = key.map((index) => row[index] ?? null);
      if (!values.includes(null) && table.defect(row) === undefined) return externalIdOf(values);
      // A row without its key is named by where it stands, so that two of them are not one.
      return `#${externalIdOf(place.map((index) => row[index]))}`;
    },
    unread: table.columns
      .map((column, index) => [column, index] as const)
      .filter(([column, index]) => !read.has(index) && !table.ownColumns.includes(column)),
  };
}
