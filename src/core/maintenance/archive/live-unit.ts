import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import type { Condition } from '../retention/due.ts';
import type { TableShape } from '../retention/table-shape.ts';
import { joinOn, type UnitTable } from '../retention/unit.ts';
import { type ExactRow, type ExactStatements, exactList, exactRow, pick, placeholders } from './row.ts';

/** A row with what identifies it in its table. */
export interface KeyedRow {
  readonly key: ExactRow;
  readonly row: ExactRow;
}

/** Rows of the tables of a unit in the live database. */
export class LiveUnit {
  readonly tables: readonly UnitTable[];
  readonly #statements: ExactStatements;
  readonly #lists: readonly ((alias: string) => string)[];

  constructor(statements: ExactStatements, tables: readonly UnitTable[]) {
    this.#statements = statements;
    this.tables = tables;
    this.#lists = tables.map(
      ({ shape }) =>
        (alias) =>
          exactList(expressionsOf(shape, alias)),
    );
  }

  /** Due rows of the root behind `after`, in the order of their key, one by one. */
  *due(due: Condition, after: ExactRow | undefined, limit: number): Generator<KeyedRow, void, undefined> {
    const { shape } = this.#table(0);
    const { sql, values } = this.#dueQuery(due, after, limit);
    for (const raw of this.#statements.iterate(sql, values)) yield keyedRow(shape, raw);
  }

  /** The same as a list, which ends early when the rows are wide. */
  duePage(due: Condition, after: ExactRow | undefined, limits: { rows: number; bytes: number }): KeyedRow[] {
    const { shape } = this.#table(0);
    const { sql, values } = this.#dueQuery(due, after, limits.rows);
    return this.#statements.page(sql, values, limits.bytes).map((raw) => keyedRow(shape, raw));
  }

  #dueQuery(due: Condition, after: ExactRow | undefined, limit: number): Condition {
    const { shape } = this.#table(0);
    const key = shape.key.map((name) => `t.${name}`);
    const behind = after === undefined ? '' : ` AND (${key.join(', ')}) > (${placeholders(after).join(', ')})`;
    return {
      sql: `SELECT ${this.#list(0, 't')} FROM ${quoteIdentifier(shape.name)} AS t WHERE (${due.sql})${behind} ORDER BY ${key.join(', ')} LIMIT ?`,
      values: [...due.values, ...(after?.values ?? []), BigInt(limit)],
    };
  }

  find(table: number, key: ExactRow): KeyedRow | undefined {
    const { shape } = this.#table(table);
    const sql = `SELECT ${this.#list(table, 't')} FROM ${quoteIdentifier(shape.name)} AS t WHERE ${keyEquals(shape, 't', key)}`;
    const raw = this.#statements.get(sql, key.values);
    return raw === undefined ? undefined : keyedRow(shape, raw);
  }

  /** Rows of a table that point to a row of its parent. */
  childrenOf(table: number, parentKey: ExactRow): KeyedRow[] {
    const { shape, parent, link } = this.#table(table);
    if (parent === undefined || link === undefined) return [];
    const above = this.#table(parent).shape;
    const sql = `SELECT ${this.#list(table, 'c')} FROM ${quoteIdentifier(above.name)} AS p, ${quoteIdentifier(shape.name)} AS c WHERE ${keyEquals(above, 'p', parentKey)} AND ${joinOn(link, 'p', 'c')}`;
    return this.#statements.all(sql, parentKey.values).map((raw) => keyedRow(shape, raw));
  }

  /** All rows below a root, for each table of the unit; the root itself first. */
  gather(root: KeyedRow): KeyedRow[][] {
    const rows: KeyedRow[][] = this.tables.map(() => []);
    rows[0] = [root];
    for (let table = 1; table < this.tables.length; table += 1) {
      const parents = rows[this.#table(table).parent ?? 0] ?? [];
      rows[table] = parents.flatMap((parent) => this.childrenOf(table, parent.key));
    }
    return rows;
  }

  /** True when a row that does not leave points to this one. */
  referenced(table: number, key: ExactRow): boolean {
    const { shape, inbound } = this.#table(table);
    return inbound.some((reference) => {
      const sql = `SELECT 1 FROM ${quoteIdentifier(shape.name)} AS p, ${quoteIdentifier(reference.child)} AS c WHERE ${keyEquals(shape, 'p', key)} AND ${joinOn(reference, 'p', 'c')} LIMIT 1`;
      return this.#statements.get(sql, key.values) !== undefined;
    });
  }

  matches(key: ExactRow, condition: Condition): boolean {
    if (condition.sql === '0') return false;
    const { shape } = this.#table(0);
    const sql = `SELECT 1 FROM ${quoteIdentifier(shape.name)} AS t WHERE (${condition.sql}) AND ${keyEquals(shape, 't', key)}`;
    return this.#statements.get(sql, [...condition.values, ...key.values]) !== undefined;
  }

  delete(table: number, key: ExactRow): number {
    const { shape } = this.#table(table);
    const sql = `DELETE FROM ${quoteIdentifier(shape.name)} AS t WHERE ${keyEquals(shape, 't', key)}`;
    return this.#statements.run(sql, key.values);
  }

  #table(index: number): UnitTable {
    const table = this.tables[index];
    if (table === undefined) throw new Error(`no table ${index} in the unit`);
    return table;
  }

  #list(table: number, alias: string): string {
    return this.#lists[table]?.(alias) ?? '';
  }
}

/** What is read of a row: its row id when that is no column, then the columns. */
function expressionsOf(shape: TableShape, alias: string): string[] {
  const columns = shape.columns.map(({ name }) => `${alias}.${quoteIdentifier(name)}`);
  return hasOwnRowId(shape) ? [...shape.key.map((name) => `${alias}.${name}`), ...columns] : columns;
}

/** The row id is the key, and no column shows it. */
export function hasOwnRowId(shape: TableShape): boolean {
  return shape.keyColumns.length === 0;
}

function keyedRow(shape: TableShape, raw: readonly SqlValue[]): KeyedRow {
  const columns = shape.columns.length;
  if (!hasOwnRowId(shape)) {
    const row = exactRow(raw, columns);
    return { key: pick(row, shape.keyColumns), row };
  }
  const all = exactRow(raw, columns + 1);
  return splitRowId(all);
}

export function splitRowId(all: ExactRow): KeyedRow {
  return {
    key: { values: all.values.slice(0, 1), text: [false] },
    row: { values: all.values.slice(1), text: all.text.slice(1) },
  };
}

export function keyEquals(shape: TableShape, alias: string, key: ExactRow): string {
  const marks = placeholders(key);
  return shape.key.map((name, index) => `${alias}.${name} = ${marks[index] ?? '?'}`).join(' AND ');
}
