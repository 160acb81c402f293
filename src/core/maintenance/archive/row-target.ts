import { TradedbError } from '../../error.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import { keyEquals } from '../retention/live-unit.ts';
import { bindings, pick, placeholders } from '../retention/row.ts';
import type { UnitTable } from '../retention/unit.ts';
import type { ArchivedRow } from './format.ts';
import type { ArchivedTable } from './manifest.ts';

/** How the columns of an archived table go into a table of today. */
export interface TableMapping {
  readonly name: string;
  /** Positions in the archive of the columns that are written; generated ones are not. */
  readonly positions: readonly number[];
  /** SQL names of the written columns; the row id first where it is no column. */
  readonly columns: readonly string[];
  readonly withRowId: boolean;
  /** The statement that makes an existing row equal to the archived one; no SQL when only its key could differ. */
  update(row: ArchivedRow): { readonly sql: string | undefined; readonly values: readonly SqlValue[] };
}

/** Matches columns by name; refuses a table that cannot take the rows whole. */
export function columnMapping(archived: ArchivedTable, { shape }: UnitTable): TableMapping {
  const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
  const written = archived.columns
    .map((column, position) => ({ ...column, position }))
    .filter(({ generated }) => !generated);
  const lost = written.find(
    ({ name }) => !shape.columns.some((column) => !column.generated && same(column.name, name)),
  );
  if (lost !== undefined) {
    throw unfit(shape.name, `has no column ${JSON.stringify(lost.name)} any more`);
  }
  const needed = shape.columns.find(
    (column) =>
      !column.generated && column.notNull && !column.hasDefault && !written.some(({ name }) => same(name, column.name)),
  );
  if (needed !== undefined) {
    throw unfit(shape.name, `has a column ${JSON.stringify(needed.name)} that needs a value and has no default`);
  }
  const withRowId = archived.rowIdColumn !== null && shape.keyColumns.length === 0;
  const names = written.map(({ name }) => quoteIdentifier(name));
  const positions = written.map(({ position }) => position);
  const inKey = (name: string): boolean => shape.key.some((part) => same(part, quoteIdentifier(name)));
  const others = written.filter(({ name }) => !inKey(name));
  return {
    name: shape.name,
    positions,
    columns: withRowId ? [...shape.key, ...names] : names,
    withRowId,
    update({ key, row }) {
      const values = pick(
        row,
        others.map(({ position }) => position),
      );
      if (others.length === 0) return { sql: undefined, values: [] };
      const marks = placeholders(values);
      const set = others.map(({ name }, index) => `${quoteIdentifier(name)} = ${marks[index] ?? '?'}`).join(', ');
      const sql = `UPDATE ${quoteIdentifier(shape.name)} AS t SET ${set} WHERE ${keyEquals(shape, 't', key)}`;
      return { sql, values: [...bindings(values), ...bindings(key)] };
    },
  };
}

export function insertStatement(
  mapping: TableMapping,
  { key, row }: ArchivedRow,
): { readonly sql: string; readonly values: readonly SqlValue[] } {
  const values = pick(row, mapping.positions);
  const marks = [...(mapping.withRowId ? ['?'] : []), ...placeholders(values)];
  const sql = `INSERT INTO ${quoteIdentifier(mapping.name)} (${mapping.columns.join(', ')}) VALUES (${marks.join(', ')})`;
  return { sql, values: [...(mapping.withRowId ? bindings(key) : []), ...bindings(values)] };
}

function unfit(table: string, what: string): TradedbError {
  return new TradedbError('usage', `the table ${JSON.stringify(table)} ${what}`, {
    hint: 'restore into a file with --to, and move the rows from there',
  });
}
