import { type ForeignKeyInfo, readColumns, readForeignKeys } from '../../schema/introspect.ts';
import { foldName } from '../../schema/normalise.ts';
import { type Connection, openMemory } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { Subject } from './subject.ts';

/** A reference that the table did not have before; the copy itself has none while it is made. */
export interface NewForeignKey {
  readonly parent: string;
  /** Condition on `s`, a row of the copy, under which it has no parent. */
  readonly orphaned: string;
  readonly subject: Subject;
}

export function newForeignKeys(connection: Connection, subject: Subject, sql: string): NewForeignKey[] {
  const form = (key: ForeignKeyInfo): string =>
    foldName(JSON.stringify([key.parent, key.columns, key.parentColumns.map((name) => name ?? '')]));
  const old = new Set(readForeignKeys(connection, subject.table).map(form));
  const clone = openMemory(connection.ports);
  try {
    clone.exec(sql);
    return readForeignKeys(clone, subject.table)
      .filter((key) => !old.has(form(key)))
      .map((key) => ({ parent: key.parent, orphaned: orphaned(connection, key), subject }));
  } finally {
    clone.close();
  }
}

function orphaned(connection: Connection, key: ForeignKeyInfo): string {
  const primary = readColumns(connection, key.parent)
    .filter((column) => column.keyPosition > 0)
    .sort((left, right) => left.keyPosition - right.keyPosition);
  const equal = key.columns.map((column, index) => {
    const parent = key.parentColumns[index] ?? primary[index]?.name ?? 'rowid';
    return `p.${quoteIdentifier(parent)} = s.${quoteIdentifier(column)}`;
  });
  const present = key.columns.map((column) => `s.${quoteIdentifier(column)} IS NOT NULL`);
  return `${present.join(' AND ')} AND NOT EXISTS (SELECT 1 FROM ${quoteIdentifier(key.parent)} p WHERE ${equal.join(' AND ')})`;
}

/** Rows of the copy without a parent: of all, or of those that the log has brought since the comparison. */
export function orphans(
  connection: Connection,
  { orphaned: condition, subject }: NewForeignKey,
  which: 'all' | 'touched',
): number {
  const keys = subject.key.map((column) => `s.${column}`).join(', ');
  const columns = subject.key.map((_, index) => `k${index}`).join(', ');
  const touched = which === 'all' ? '' : ` AND (${keys}) IN (SELECT ${columns} FROM temp._tradedb_touched)`;
  const shadow = quoteIdentifier(subject.names.shadow);
  return Number(connection.value(`SELECT count(*) FROM ${shadow} s WHERE ${condition}${touched}`));
}
