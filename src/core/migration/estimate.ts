import { foldName } from '../schema/normalise.ts';
import type { Connection } from '../sqlite/connection.ts';
import type { Statement } from './statement.ts';

/** Bytes that a table rewrite gets through per second; measured on small machines, so a careful figure. */
const rewriteBytesPerMs = 70_000;

/** What a step may cost on the real database, when it was tried without rows. */
export interface Estimate {
  readonly rows: number;
  readonly walBytes: number;
  readonly lockMs: number;
}

interface TableSize {
  readonly rows: number;
  readonly bytes: number;
}

/**
 * Estimates from the pages of the tables that a step rewrites. A rewrite puts about the size of the table into the
 * write-ahead log (1.01 measured), an index about a third of it.
 */
export class Estimator {
  readonly #connection: Connection;
  readonly #sizes = new Map<string, TableSize>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  of(statements: readonly Statement[], rebuilt: ReadonlySet<string>): Estimate {
    const tables = new Map<string, number>();
    for (const statement of statements) {
      const copied = statement.kind === 'change_table' && rebuilt.has(foldName(statement.target ?? ''));
      const share = copied ? 1 : rewrittenShare(statement);
      if (share === 0) continue;
      for (const name of this.#sources(statement)) tables.set(name, Math.max(share, tables.get(name) ?? 0));
    }
    let rows = 0;
    let walBytes = 0;
    for (const [name, share] of tables) {
      const size = this.#size(name);
      rows += size.rows;
      walBytes += Math.ceil(size.bytes * share * 1.01);
    }
    return { rows, walBytes, lockMs: Math.round(walBytes / rewriteBytesPerMs) };
  }

  /** Existing tables whose rows the statement reads or writes. */
  #sources(statement: Statement): string[] {
    if (statement.kind === 'insert') return this.#existing([...statement.names]);
    return statement.table === undefined ? [] : this.#existing([foldName(statement.table)]);
  }

  /** Names as the schema spells them: dbstat reads one table only when the name is exact. */
  #existing(names: readonly string[]): string[] {
    return names.flatMap((name) => exactTableName(this.#connection, name) ?? []);
  }

  #size(table: string): TableSize {
    let size = this.#sizes.get(table);
    if (size === undefined) {
      const found = this.#connection.get<{ rows: number | null; bytes: number | null }>(
        `SELECT sum(ncell) FILTER (WHERE pagetype = 'leaf') AS rows, sum(pgsize) AS bytes FROM dbstat WHERE name = ?`,
        [table],
      );
      size = { rows: found?.rows ?? 0, bytes: found?.bytes ?? 0 };
      this.#sizes.set(table, size);
    }
    return size;
  }
}

/** The share of the pages of a table that a statement is expected to write. */
function rewrittenShare(statement: Statement): number {
  switch (statement.kind) {
    case 'drop_column':
      return 1;
    case 'create_index':
      return 0.33;
    case 'insert':
      return statement.names.has('select') ? 1 : 0;
    case 'update':
    case 'delete':
      return statement.names.has('where') ? 0 : 1;
    default:
      return 0;
  }
}

/** The name of a table as it stands in the schema, whatever its case. */
export function exactTableName(connection: Connection, name: string): string | undefined {
  return connection.get<{ name: string }>(
    `SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE`,
    [name],
  )?.name;
}
