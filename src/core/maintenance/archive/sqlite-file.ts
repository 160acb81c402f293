import { closeSync, fsyncSync, openSync, readSync, writeFileSync } from 'node:fs';
import type { OperationContext } from '../../context.ts';
import { fromFileSystem, TradedbError } from '../../error.ts';
import { type Connection, openReadOnly, openReadWrite } from '../../sqlite/connection.ts';
import { normalProfile } from '../../sqlite/pragma-profile.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import type { KeyedRow } from '../retention/live-unit.ts';
import {
  bindings,
  type ExactRow,
  ExactStatements,
  exactList,
  exactRow,
  pageBytes,
  placeholders,
} from '../retention/row.ts';
import { type ArchivedRow, type ArchiveReader, type ArchiveWriter, archivedRow, type TableLayout } from './format.ts';
import type { ArchivedTable, ArchiveManifest } from './manifest.ts';

/** Writes rows into a new file that no journal protects: after a crash it is dropped, never used. */
export class SqliteArchiveWriter implements ArchiveWriter {
  readonly #connection: Connection;
  readonly #statements: ExactStatements;
  readonly #layouts: readonly TableLayout[];
  readonly #path: string;

  constructor(path: string, layouts: readonly TableLayout[], encoding: string, context: OperationContext) {
    try {
      writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
    } catch (error) {
      throw fromFileSystem(error, path);
    }
    this.#path = path;
    this.#layouts = layouts;
    this.#connection = openReadWrite(path, { ...normalProfile, foreignKeys: false }, context);
    this.#statements = new ExactStatements(this.#connection);
    try {
      this.#connection.pragma(`encoding = ${quoteIdentifier(encoding)}`);
      this.#connection.pragma('journal_mode = OFF');
      this.#connection.pragma('synchronous = OFF');
      this.#connection.exec('BEGIN');
      layouts.forEach((layout, index) => {
        const columns = layout.columns.map(({ name }) => quoteIdentifier(name));
        if (layout.rowIdColumn !== null) columns.unshift(`${quoteIdentifier(layout.rowIdColumn)} INTEGER`);
        columns.unshift(`${quoteIdentifier(layout.unitColumn)} INTEGER${index === 0 ? ' PRIMARY KEY' : ''}`);
        this.#connection.exec(`CREATE TABLE ${quoteIdentifier(layout.name)} (${columns.join(', ')})`);
      });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  insert(table: number, unit: number, { key, row }: KeyedRow): void {
    const layout = this.#layouts[table];
    if (layout === undefined) throw new Error(`no table ${table} in the archive`);
    const own: ExactRow = layout.rowIdColumn === null ? [] : key;
    const marks = ['?', ...own.map(() => '?'), ...placeholders(row)];
    const sql = `INSERT INTO ${quoteIdentifier(layout.name)} VALUES (${marks.join(', ')})`;
    this.#statements.run(sql, [BigInt(unit), ...bindings(own), ...bindings(row)]);
  }

  /** Commits, indexes and closes; the bytes are on the disk when this returns. */
  finish(): void {
    const names = new Set(this.#layouts.map(({ name }) => name.toLowerCase()));
    this.#layouts.slice(1).forEach((layout, index) => {
      let name = `tradedb_unit_${index + 1}`;
      while (names.has(name)) name += '_';
      this.#connection.exec(
        `CREATE INDEX ${quoteIdentifier(name)} ON ${quoteIdentifier(layout.name)} (${quoteIdentifier(layout.unitColumn)})`,
      );
    });
    this.#connection.exec('COMMIT');
    this.#connection.close();
    syncFile(this.#path);
  }

  close(): void {
    if (this.#connection.isOpen) this.#connection.close();
  }
}

/** No connection may be open on it. */
export function syncFile(path: string): void {
  try {
    const file = openSync(path, 'r+');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw fromFileSystem(error, path);
  }
}

export class SqliteArchiveReader implements ArchiveReader {
  readonly #manifest: ArchiveManifest;
  readonly #connection: Connection;
  readonly #statements: ExactStatements;

  constructor(path: string, manifest: ArchiveManifest, context: OperationContext) {
    this.#manifest = manifest;
    // In WAL mode even a reader would leave files behind.
    if (!isRollbackFile(path)) {
      throw new TradedbError('checksum_mismatch', `${JSON.stringify(path)} is not as the archive was written`, {
        hint: 'nothing is deleted with it; bring the file back from a backup',
      });
    }
    this.#connection = openReadOnly(path, context);
    this.#statements = new ExactStatements(this.#connection);
  }

  problem(): string | undefined {
    const [first] = this.#connection.pragma('integrity_check').map((row) => String(Object.values(row)[0]));
    return first === 'ok' ? undefined : `integrity check: ${first}`;
  }

  /** An index finds any unit. */
  async load(): Promise<void> {}

  between(table: number, from: number, to: number): ArchivedRow[] {
    const { sql, layout } = this.#select(table);
    const unit = quoteIdentifier(layout.unitColumn);
    return this.#statements
      .all(`${sql} WHERE ${unit} BETWEEN ? AND ? ORDER BY ${unit}, _rowid_`, [BigInt(from), BigInt(to)])
      .map((raw) => this.#stored(layout, raw));
  }

  async *content(table: number): AsyncGenerator<ExactRow[], void, undefined> {
    for await (const page of this.rows(table)) yield page.map(({ row }) => row);
  }

  async *rows(table: number): AsyncGenerator<ArchivedRow[], void, undefined> {
    const { sql, layout } = this.#select(table);
    let after = 0n;
    for (;;) {
      const page = this.#statements.page(`${sql} WHERE _rowid_ > ? ORDER BY _rowid_ LIMIT 10000`, [after], pageBytes);
      if (page.length === 0) return;
      after = page.at(-1)?.at(-1) as bigint;
      yield page.map((raw) => this.#stored(layout, raw));
    }
  }

  close(): void {
    this.#connection.close();
  }

  #select(table: number): { sql: string; layout: ArchivedTable } {
    const layout = this.#manifest.tables[table];
    if (layout === undefined) throw new Error(`no table ${table} in the archive`);
    const expressions = layout.columns.map(({ name }) => quoteIdentifier(name));
    if (layout.rowIdColumn !== null) expressions.unshift(quoteIdentifier(layout.rowIdColumn));
    const list = this.#manifest.exactText ? exactList(expressions) : expressions.join(', ');
    // The row id of the archive itself comes last: it is where the next page goes on.
    const sql = `SELECT ${list}, ${quoteIdentifier(layout.unitColumn)}, _rowid_ FROM ${quoteIdentifier(layout.name)}`;
    return { sql, layout };
  }

  #stored(layout: ArchivedTable, raw: SqlValue[]): ArchivedRow {
    const count = layout.columns.length + (layout.rowIdColumn === null ? 0 : 1);
    const row = this.#manifest.exactText ? exactRow(raw, count, this.#statements.encoding) : raw.slice(0, count);
    return archivedRow(layout, Number(raw.at(-2)), row);
  }
}

/** Bytes 18 and 19 of the header: write and read version, 1 for a rollback journal. */
function isRollbackFile(path: string): boolean {
  const header = Buffer.alloc(20);
  const file = openSync(path, 'r');
  try {
    readSync(file, header, 0, 20, 0);
  } finally {
    closeSync(file);
  }
  return header[18] === 1 && header[19] === 1;
}
