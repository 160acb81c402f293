import type { Connection } from '../../../sqlite/connection.ts';
import { openTemporary } from '../../../sqlite/connection.ts';
import type { Mapping } from '../../mapping/mapping.ts';
import type { ReaderPorts, SourceReader, SourceSystem } from '../source.ts';
import type { SourceSchema } from '../source-schema.ts';
import { mappedReader } from './reader.ts';
import { SqliteTable } from './sqlite-table.ts';

/** An own schema in an SQLite file, as a mapping file describes it. */
export function mappingSystem(mapping: Mapping): SourceSystem {
  return {
    name: mapping.name,
    detect(schema) {
      const marks = Object.entries(mapping.detect);
      if (!marks.every(([table, columns]) => schema.has(table, ...columns))) return undefined;
      const evidence = marks.map(([table, columns]) =>
        columns.length === 0 ? table : `${table}.${columns.join(', ')}`,
      );
      return { system: mapping.name, generation: 'mapping', label: 'an own schema', evidence, refused: undefined };
    },
    open: ({ schema, catalog, options, notes }: ReaderPorts): SourceReader =>
      mappedReader({ mapping, tables: sqliteTables(schema, mapping), catalog, options, notes }),
  };
}

/** Tables of an SQLite file; look-ups that need a place of their own share one temporary database. */
function sqliteTables(schema: SourceSchema, mapping: Mapping) {
  let temporary: Connection | undefined;
  const place = (): Connection => {
    temporary ??= openTemporary(schema.connection.ports);
    return temporary;
  };
  const opened = new Map<string, SqliteTable>();
  const open = (from: string): SqliteTable => {
    const table = opened.get(from) ?? new SqliteTable(schema, from, place);
    opened.set(from, table);
    return table;
  };
  const named = new Set(Object.values(mapping.streams).map((stream) => stream?.from));
  return {
    open,
    join: open,
    others: schema.tables.filter((table) => !named.has(table)),
    close: () => temporary?.close(),
  };
}
