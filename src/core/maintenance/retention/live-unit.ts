import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import type { Condition } from './due.ts';
import {
  bindings,
  type ExactRow,
  type ExactStatements,
  exactList,
  exactRow,
  mayHaveLost,
  pick,
  placeholders,
} from './row.ts';
import type { TableShape } from './table-shape.ts';
import { joinOn, type UnitTable } from './unit.ts';

/** A row with what identifies it in its table. */
export interface KeyedRow {
  readonly key: ExactRow;
  readonly row: ExactRow;
}

/** Text of the row holds bytes that are no characters, or may: the chunk is read again in the exact way. */
export class InexactText extends Error {}

/** Rows of the tables of a unit in the live database. */
export class LiveUnit {
  readonly tables: readonly UnitTable[];
  readonly #statements: ExactStatements;
  readonly exact: boolean;

  /** `exact` reads all text as bytes, which is slower; without it `due` throws `InexactText` where that is needed. */
  constructor(statements: ExactStatements, tables: readonly UnitTable[], exact = false) {
    this.#statements = statements;
    this.tables = tables;
    this.exact = exact;
  }

  /** Due rows of the root behind `after`, in the order of their key, one by one. */
  *due(due: Condition, after: ExactRow | undefined, limit: number): Generator<KeyedRow, void, undefined> {
    const { shape } = this.#table(0);
    const { sql, values } = this.#dueQuery(due, after, { limit, exact: this.exact });
    for (const raw of this.#statements.iterate(sql, values)) {
      if (!this.exact && mayHaveLost(raw)) throw new InexactText();
      yield this.#keyed(shape, raw, this.exact);
    }
  }

  /** The same as a list, always exact, which ends early when the rows are wide. */
  duePage(due: Condition, after: ExactRow | undefined, limits: { rows: number; bytes: number }): KeyedRow[] {
    const { shape } = this.#table(0);
    const { sql, values } = this.#dueQuery(due, after, { limit: limits.rows, exact: true });
    return this.#statements.page(sql, values, limits.bytes).map((raw) => this.#keyed(shape, raw, true));
  }

  #dueQuery(due: Condition, after: ExactRow | undefined, how: { limit: number; exact: boolean }): Condition {
    const { shape } = this.#table(0);
    const key = shape.key.map((name) => `t.${name}`);
    const behind = after === undefined ? '' : ` AND (${key.join(', ')}) > (${placeholders(after).join(', ')})`;
    return {
      sql: `SELECT ${selectList(shape, 't', how.exact)} FROM ${quoteIdentifier(shape.name)} AS t WHERE (${due.sql})${behind} ORDER BY ${key.join(', ')} LIMIT ?`,
      values: [...due.values, ...bindings(after ?? []), BigInt(how.limit)],
    };
  }

  find(table: number, key: ExactRow): KeyedRow | undefined {
    const { shape } = this.#table(table);
    const from = `FROM ${quoteIdentifier(shape.name)} AS t WHERE ${keyEquals(shape, 't', key)}`;
    return this.#rows(shape, 't', { from, values: bindings(key) })[0];
  }

  /** Rows of a table that point to a row of its parent. */
  childrenOf(table: number, parentKey: ExactRow): KeyedRow[] {
    const { shape, parent, link } = this.#table(table);
    if (parent === undefined || link === undefined) return [];
    const above = this.#table(parent).shape;
    const from = `FROM ${quoteIdentifier(above.name)} AS p, ${quoteIdentifier(shape.name)} AS c WHERE ${keyEquals(above, 'p', parentKey)} AND ${joinOn(link, 'p', 'c')}`;
    return this.#rows(shape, 'c', { from, values: bindings(parentKey) });
  }

  #rows(shape: TableShape, alias: string, { from, values }: { from: string; values: readonly SqlValue[] }): KeyedRow[] {
    const read = (exact: boolean): SqlValue[][] =>
      this.#statements.all(`SELECT ${selectList(shape, alias, exact)} ${from}`, values);
    const rows = this.exact ? [] : read(false);
    if (!this.exact && !rows.some(mayHaveLost)) return rows.map((raw) => this.#keyed(shape, raw, false));
    return read(true).map((raw) => this.#keyed(shape, raw, true));
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
      return this.#statements.get(sql, bindings(key)) !== undefined;
    });
  }

  matches(key: ExactRow, condition: Condition): boolean {
    if (condition.sql === '0') return false;
    const { shape } = this.#table(0);
    const sql = `SELECT 1 FROM ${quoteIdentifier(shape.name)} AS t WHERE (${condition.sql}) AND ${keyEquals(shape, 't', key)}`;
    return this.#statements.get(sql, [...condition.values, ...bindings(key)]) !== undefined;
  }

  delete(table: number, key: ExactRow): number {
    const { shape } = this.#table(table);
    const sql = `DELETE FROM ${quoteIdentifier(shape.name)} AS t WHERE ${keyEquals(shape, 't', key)}`;
    return this.#statements.run(sql, bindings(key));
  }

  #table(index: number): UnitTable {
    const table = this.tables[index];
    if (table === undefined) throw new Error(`no table ${index} in the unit`);
    return table;
  }

  #keyed(shape: TableShape, raw: readonly SqlValue[], exact: boolean): KeyedRow {
    const own = hasOwnRowId(shape) ? 1 : 0;
    const row = exact ? exactRow(raw, shape.columns.length + own, this.#statements.encoding) : raw;
    return own === 1 ? splitRowId(row) : { key: pick(row, shape.keyColumns), row };
  }
}

/** What is read of a row: its row id when that is no column, then the columns. */
function selectList(shape: TableShape, alias: string, exact: boolean): string {
  const columns = shape.columns.map(({ name }) => `${alias}.${quoteIdentifier(name)}`);
  const all = hasOwnRowId(shape) ? [...shape.key.map((name) => `${alias}.${name}`), ...columns] : columns;
  return exact ? exactList(all) : all.join(', ');
}

/** The row id is the key, and no column shows it. */
export function hasOwnRowId(shape: TableShape): boolean {
  return shape.keyColumns.length === 0;
}

/** A row of which the row id comes first. */
export function splitRowId(row: ExactRow): KeyedRow {
  return { key: row.slice(0, 1), row: row.slice(1) };
}

export function keyEquals(shape: TableShape, alias: string, key: ExactRow): string {
  const marks = placeholders(key);
  return shape.key.map((name, index) => `${alias}.${name} = ${marks[index] ?? '?'}`).join(' AND ');
}
