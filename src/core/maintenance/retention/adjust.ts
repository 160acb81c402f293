import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { SqlValue, Statement } from '../../sqlite/statement.ts';
import { bareSql } from './bare-sql.ts';
import { isLedgerTable, type RetentionPolicy } from './policy.ts';
import { type ExactRow, type ExactValue, RawText } from './row.ts';
import type { UnitTable } from './unit.ts';

/** Parameter with the number of rows that left; negative when rows are put back. */
const countParameter = 'tradedb_rows';

/** A column that the statement names, and its position in the rows. */
interface Bound {
  readonly name: string;
  readonly position: number;
}

/**
 * The statement of a policy that keeps another table true while rows leave, such as an overview with their number. It
 * runs in the transaction of the deletes, once for each combination of values that it names: `@column` is that column
 * of the rows, `@tradedb_rows` how many they are.
 */
export class Adjustment {
  /** The table that it changes. */
  readonly table: string;
  readonly #statement: Statement;
  readonly #columns: readonly Bound[];
  readonly #counts: boolean;

  private constructor(
    table: string,
    parts: { readonly statement: Statement; readonly columns: readonly Bound[]; readonly counts: boolean },
  ) {
    this.table = table;
    this.#statement = parts.statement;
    this.#columns = parts.columns;
    this.#counts = parts.counts;
  }

  /**
   * Undefined for a policy without one; throws `usage` for a statement that could do harm or cannot run. `rowColumns` are
   * those of the rows that `run` gets: the table's own, unless they come from an archive.
   */
  static of(
    connection: Connection,
    { adjust, table }: Pick<RetentionPolicy, 'adjust' | 'table'>,
    unit: readonly UnitTable[],
    rowColumns: readonly { readonly name: string }[] = unit[0]?.shape.columns ?? [],
  ): Adjustment | undefined {
    if (adjust === undefined) return undefined;
    const refuse = (what: string): TradedbError =>
      new TradedbError('usage', `adjust of the policy of ${JSON.stringify(table)} ${what}`, {
        hint: `write one UPDATE, INSERT or DELETE of another table, with @column for values of the rows and @${countParameter} for their number`,
      });
    const target = targetOf(adjust);
    if (target === undefined) throw refuse('is no UPDATE, INSERT or DELETE');
    const leaving = unit.some(({ shape }) => shape.name.toLowerCase() === target.toLowerCase());
    if (leaving || isLedgerTable(target)) throw refuse(`changes ${JSON.stringify(target)}, which it may not`);
    const bare = bareSql(adjust);
    if (/[?$]|(?<!:):[A-Za-z_]/.test(bare)) throw refuse('has a parameter that is not written @name');
    const names = [...new Set([...bare.matchAll(/@([A-Za-z_]\w*)/g)].map(([, name = '']) => name))];
    const columns = names
      .filter((name) => name !== countParameter)
      .map((name) => {
        const position = rowColumns.findIndex((column) => column.name.toLowerCase() === name.toLowerCase());
        if (position < 0) throw refuse(`names @${name}, which is no column of the table`);
        return { name, position };
      });
    const statement = prepare(connection, adjust, refuse);
    return new Adjustment(target, { statement, columns, counts: names.includes(countParameter) });
  }

  /** Inside the transaction in which these rows of the first table leave (`sign` 1) or come back (-1). */
  run(rows: readonly ExactRow[], sign: 1 | -1): void {
    const groups = new Map<string, { readonly values: readonly ExactValue[]; rows: number }>();
    for (const row of rows) {
      const values = this.#columns.map(({ position }) => row[position] ?? null);
      const key = JSON.stringify(values.map(distinct));
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { values, rows: 1 });
      else group.rows += 1;
    }
    for (const group of groups.values()) {
      const bound: Record<string, SqlValue> = this.#counts ? { [countParameter]: BigInt(group.rows * sign) } : {};
      this.#columns.forEach(({ name }, index) => {
        bound[name] = bindable(group.values[index] ?? null, name);
      });
      if (this.#counts || this.#columns.length > 0) this.#statement.run(bound);
      else this.#statement.run();
    }
  }
}

function prepare(connection: Connection, sql: string, refuse: (what: string) => TradedbError): Statement {
  let statement: Statement;
  try {
    statement = connection.prepare(sql);
  } catch (error) {
    throw refuse(`cannot run: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (statement.returnsRows || statement.readOnly) throw refuse('must change a table and return nothing');
  return statement;
}

/** The table that the statement changes; undefined when it does not begin as one of the three. */
function targetOf(sql: string): string | undefined {
  const bare = sql.replace(/--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g, ' ');
  const found =
    /^\s*(?:UPDATE(?:\s+OR\s+\w+)?|DELETE\s+FROM|(?:INSERT(?:\s+OR\s+\w+)?|REPLACE)\s+INTO)\s+(?:main\s*\.\s*)?("(?:[^"]|"")*"|\[[^\]]*\]|`[^`]*`|[\w$]+)/i.exec(
      bare,
    )?.[1];
  if (found === undefined) return undefined;
  if (found.startsWith('"')) return found.slice(1, -1).replaceAll('""', '"');
  return /^[[`]/.test(found) ? found.slice(1, -1) : found;
}

function distinct(value: ExactValue): string {
  if (value instanceof Uint8Array) return `x${Buffer.from(value).toString('latin1')}`;
  if (value instanceof RawText) return `r${Buffer.from(value.bytes).toString('latin1')}`;
  return `${typeof value} ${Object.is(value, -0) ? '-0' : String(value)}`;
}

function bindable(value: ExactValue, name: string): SqlValue {
  if (!(value instanceof RawText)) return value;
  throw new TradedbError('unsupported', `a value of ${JSON.stringify(name)} is no valid text, and adjust needs it`, {
    hint: 'correct the row, or take @column out of adjust; the transaction was rolled back',
  });
}
