import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';

/** Tables and columns of an SQLite source. Names are compared exactly. */
export class SourceSchema {
  readonly connection: Connection;
  readonly #tables = new Map<string, readonly SourceColumn[]>();

  constructor(connection: Connection) {
    this.connection = connection;
    const names = connection.all<{ name: string }>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    );
    for (const { name } of names) {
      const columns = connection
        .all<{ name: string; type: string; pk: number }>(
          'SELECT name, type, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1',
          [name],
        )
        .map((column) => ({ name: column.name, type: column.type, keyPosition: column.pk }));
      this.#tables.set(name, columns);
    }
  }

  get tables(): readonly string[] {
    return [...this.#tables.keys()];
  }

  has(table: string, ...columns: readonly string[]): boolean {
    const there = this.#tables.get(table);
    return there !== undefined && columns.every((column) => there.some(({ name }) => name === column));
  }

  columns(table: string): readonly SourceColumn[] {
    return this.#tables.get(table) ?? [];
  }

  count(table: string): number {
    return Number(this.connection.value(`SELECT count(*) FROM ${quoteIdentifier(table)}`));
  }
}

export interface SourceColumn {
  readonly name: string;
  /** As declared; may be empty. */
  readonly type: string;
  /** From 1 in the primary key; 0 outside. */
  readonly keyPosition: number;
}
