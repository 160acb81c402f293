import type { RecordValue } from '../../file-format/record.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';

export interface ShapeColumn {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  /** Computed, so that it is not written; a stored one takes a place in the record all the same. */
  readonly generated: boolean;
}

/** How the rows of a table lie in its records. */
export interface TableShape {
  readonly name: string;
  readonly withoutRowid: boolean;
  readonly strict: boolean;
  /** Columns in the order of the record. */
  readonly columns: readonly ShapeColumn[];
  /** Place of the INTEGER PRIMARY KEY in the record, which holds NULL there; -1 without one. */
  readonly alias: number;
  /** A name by which the rowid can be written; undefined when columns take all three, or there is none. */
  readonly rowidName: string | undefined;
}

interface ColumnRow {
  name: string;
  type: string;
  notnull: number;
  pk: number;
  hidden: number;
}

/** Reads the shape of a table that exists in the new database. */
export function shapeOf(connection: Connection, name: string): TableShape {
  const list = connection.get<{ wr: number; strict: number }>(
    "SELECT wr, strict FROM pragma_table_list WHERE schema = 'main' AND name = ?",
    [name],
  );
  const withoutRowid = list?.wr === 1;
  const found = connection.all<ColumnRow>('SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?)', [
    name,
  ]);
  // Virtual generated columns (hidden = 2) are nowhere in the record.
  const stored = found.filter(({ hidden }) => hidden !== 2);
  const keys = stored.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
  const ordered = withoutRowid ? [...keys, ...stored.filter(({ pk }) => pk === 0)] : stored;
  const isAlias = !withoutRowid && keys.length === 1 && keys[0]?.type.toUpperCase() === 'INTEGER';
  const names = new Set(found.map((column) => column.name.toLowerCase()));
  return {
    name,
    withoutRowid,
    strict: list?.strict === 1,
    columns: ordered.map((column) => ({
      name: column.name,
      type: column.type.toUpperCase(),
      notNull: column.notnull === 1 || (withoutRowid && column.pk > 0),
      generated: column.hidden === 3,
    })),
    alias: isAlias ? ordered.findIndex(({ pk }) => pk > 0) : -1,
    rowidName: withoutRowid ? undefined : ['rowid', '_rowid_', 'oid'].find((candidate) => !names.has(candidate)),
  };
}

const strictClasses: Readonly<Record<string, readonly string[]>> = {
  INT: ['bigint'],
  INTEGER: ['bigint'],
  REAL: ['number', 'bigint'],
  TEXT: ['string'],
  BLOB: ['object'],
};

/**
 * Whether a record can be a row of the table: not more values than columns (fewer after ALTER TABLE ADD COLUMN), no NULL
 * where none may be, and in STRICT tables the right storage classes.
 */
export function fits(values: readonly RecordValue[], shape: TableShape): boolean {
  if (values.length === 0 || values.length > shape.columns.length) return false;
  return values.every((value, index) => {
    const column = shape.columns[index];
    if (column === undefined) return false;
    if (index === shape.alias) return value === null;
    if (value === null) return !column.notNull;
    const classes = shape.strict ? strictClasses[column.type] : undefined;
    return classes === undefined || classes.includes(typeof value);
  });
}

/** Columns of the parameters that `insertValues` gives; the rowid, where one can be written, is the first. */
export function insertNames(shape: TableShape, length: number): string[] {
  const written = shape.columns
    .map((column, index) => ({ column, index }))
    .filter(({ column, index }) => index < length && index !== shape.alias && !column.generated);
  const rowid = shape.alias >= 0 ? shape.columns[shape.alias]?.name : shape.rowidName;
  return [...(rowid === undefined ? [] : [rowid]), ...written.map(({ column }) => column.name)];
}

/** INSERT for records of `length` values. */
export function insertSql(shape: TableShape, length: number): string {
  const names = insertNames(shape, length);
  if (names.length === 0) return `INSERT INTO ${quoteIdentifier(shape.name)} DEFAULT VALUES`;
  const places = names.map(() => '?').join(', ');
  return `INSERT INTO ${quoteIdentifier(shape.name)} (${names.map(quoteIdentifier).join(', ')}) VALUES (${places})`;
}

/** Parameters for `insertSql`, in the order of `insertNames`. */
export function insertValues(
  shape: TableShape,
  values: readonly RecordValue[],
  rowid: bigint | undefined,
): RecordValue[] {
  const written = values.filter((_, index) => index !== shape.alias && shape.columns[index]?.generated !== true);
  const hasRowid = shape.alias >= 0 || shape.rowidName !== undefined;
  return hasRowid ? [rowid ?? null, ...written] : written;
}
