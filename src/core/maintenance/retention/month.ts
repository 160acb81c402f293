import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import { type Condition, unitsPerMs } from './due.ts';
import type { RetentionPolicy } from './policy.ts';

/** The due rows of one calendar month (UTC), which are archived together. */
export interface DueMonth {
  /** YYYY-MM. */
  readonly month: string;
  readonly due: Condition;
  /** First value of the time column behind the month. */
  readonly end: SqlValue;
}

/** The oldest month with due rows at or behind `from`; undefined when no row is due there. */
export function nextDueMonth(
  connection: Connection,
  policy: RetentionPolicy,
  due: Condition,
  from: SqlValue | undefined,
): DueMonth | undefined {
  const column = `t.${quoteIdentifier(policy.column)}`;
  const behind = from === undefined ? '' : ` AND ${column} >= ?`;
  const row = connection
    .prepare(`SELECT min(${column}) AS v FROM ${quoteIdentifier(policy.table)} AS t WHERE (${due.sql})${behind}`)
    .withBigIntegers()
    .get<{ v: SqlValue }>([...due.values, ...(from === undefined ? [] : [from])]);
  if (row === undefined || row.v === null) return undefined;
  const { month, end } = monthOf(policy.unit, row.v);
  return {
    month,
    end,
    due: {
      sql: `(${due.sql}) AND ${column} >= ? AND ${column} < ?`,
      values: [...due.values, row.v, end],
    },
  };
}

/** The month that a value lies in, and the first value behind that month. */
function monthOf(unit: RetentionPolicy['unit'], value: SqlValue): { month: string; end: SqlValue } {
  if (unit === 'iso') {
    const [year = 0, month = 1] = String(value).slice(0, 7).split('-').map(Number);
    const next = new Date(Date.UTC(year, month, 1)).toISOString().slice(0, 7);
    return { month: String(value).slice(0, 7), end: next };
  }
  const perMs = unitsPerMs(unit);
  const moment = new Date(Math.floor(Number(value) / perMs));
  const end = Date.UTC(moment.getUTCFullYear(), moment.getUTCMonth() + 1, 1);
  return { month: moment.toISOString().slice(0, 7), end: BigInt(Math.round(end * perMs)) };
}
