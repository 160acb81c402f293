import { TradedbError } from '../../error.ts';
import type { RecordValue } from '../../file-format/record.ts';
import { type ConnectionPorts, openMemory } from '../../sqlite/connection.ts';
import type { SchemaEntry } from '../schema-pages.ts';

/** What entries of an index look like. */
export interface IndexShape {
  readonly name: string;
  /** Values of an entry: the indexed columns, then the key of the row. */
  readonly fields: number;
  /** The index of a table with rowids: the last value is one. */
  readonly endsInRowid: boolean;
}

/** Shapes of all indexes that the schema makes, automatic ones too. */
export function indexShapes(entries: readonly SchemaEntry[], ports: ConnectionPorts): IndexShape[] {
  const scratch = openMemory(ports);
  try {
    for (const { type, sql } of [...entries].sort((a, b) => (a.type === b.type ? 0 : a.type === 'table' ? -1 : 1))) {
      if (type !== 'table' && type !== 'index') continue;
      try {
        if (sql !== '') scratch.exec(sql);
      } catch (error) {
        // An object that cannot be made is told where it is made for the result.
        if (!(error instanceof TradedbError)) throw error;
      }
    }
    return scratch
      .all<{ name: string; fields: number; last: number }>(
        `SELECT name, (SELECT count(*) FROM pragma_index_xinfo(s.name)) AS fields,
           (SELECT cid FROM pragma_index_xinfo(s.name) ORDER BY seqno DESC LIMIT 1) AS last
         FROM sqlite_schema s WHERE type = 'index'`,
      )
      .map(({ name, fields, last }) => ({ name, fields, endsInRowid: last === -1 }));
  } finally {
    scratch.close();
  }
}

/** Whether records can be entries of the index. */
export function couldBeEntries(records: readonly (readonly RecordValue[])[], shape: IndexShape): boolean {
  return records.every(
    (values) => values.length === shape.fields && (!shape.endsInRowid || typeof values.at(-1) === 'bigint'),
  );
}
