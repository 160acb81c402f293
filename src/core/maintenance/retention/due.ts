import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import { localTime, safeLocalTime } from './local-time.ts';
import type { ColumnValues, PolicyValue, RetentionPolicy } from './policy.ts';

/** A condition on a row of the table, which must be called `t`, with the values it binds. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

const hourMs = 3_600_000;
const yearMs = 31_557_600_000;

/** Rows with a time of the declared kind; a value of another kind is never due. */
export function timed(policy: Pick<RetentionPolicy, 'column' | 'unit'>): string {
  const column = `t.${quoteIdentifier(policy.column)}`;
  if (policy.unit !== 'iso') return `typeof(${column}) IN ('integer', 'real')`;
  return `typeof(${column}) = 'text' AND ${column} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'`;
}

/** The moment as a number of the unit. */
function numberTime(unit: Exclude<RetentionPolicy['unit'], 'iso'>, momentMs: number): SqlValue {
  if (unit === 's') return BigInt(Math.floor(momentMs / 1000));
  const ms = BigInt(Math.floor(momentMs));
  return unit === 'ms' ? ms : ms * (unit === 'us' ? 1000n : 1_000_000n);
}

/**
 * First day (YYYY-MM-DD) of which ISO texts are not due. Without a zone half a day early, so that neither another spelling
 * nor a time zone lets a row go too soon.
 */
export function firstDayKept({ timezone }: Pick<RetentionPolicy, 'timezone'>, cutoffMs: number): string {
  if (timezone !== undefined) return safeLocalTime(timezone, cutoffMs).slice(0, 10);
  return new Date(cutoffMs - 12 * hourMs).toISOString().slice(0, 10);
}

/** Rows with a time before the moment. */
function olderThan(policy: RetentionPolicy, cutoffMs: number): Condition {
  const column = `t.${quoteIdentifier(policy.column)}`;
  if (policy.unit !== 'iso') return { sql: `${column} < ?`, values: [numberTime(policy.unit, cutoffMs)] };
  if (policy.timezone === undefined) return { sql: `${column} < ?`, values: [firstDayKept(policy, cutoffMs)] };
  // A text with an offset (or Z) says itself when it was; one that SQLite cannot read is never due. The first comparison
  // is there for an index, and keeps days whole for a summary.
  const lastDay =
    policy.summary === undefined ? localTime(policy.timezone, cutoffMs + 48 * hourMs) : firstDayKept(policy, cutoffMs);
  const naive = `substr(${column}, 11) NOT GLOB '*[^0-9T:. ]*'`;
  return {
    sql: `${column} < ? AND CASE WHEN ${naive} THEN replace(${column}, 'T', ' ') < ? ELSE unixepoch(${column}) < ? END`,
    values: [lastDay.slice(0, 10), safeLocalTime(policy.timezone, cutoffMs), BigInt(Math.floor(cutoffMs / 1000))],
  };
}

export function unitsPerMs(unit: Exclude<RetentionPolicy['unit'], 'iso'>): number {
  return { s: 0.001, ms: 1, us: 1000, ns: 1_000_000 }[unit];
}

/** Rows that may leave: older than the cutoff, in a state that may leave, not on hold. */
export function dueCondition(policy: RetentionPolicy, cutoffMs: number): Condition {
  const parts: Condition[] = [{ sql: timed(policy), values: [] }, olderThan(policy, cutoffMs)];
  if (policy.states !== undefined) parts.push(oneOf(policy.states));
  if (policy.hold.length > 0) parts.push(not(holdCondition(policy)));
  return allOf(parts);
}

export function allOf(parts: readonly Condition[]): Condition {
  return { sql: parts.map(({ sql }) => `(${sql})`).join(' AND '), values: parts.flatMap(({ values }) => values) };
}

/** Rows on hold; false for a policy without any. */
export function holdCondition(policy: RetentionPolicy): Condition {
  const parts = policy.hold.map(oneOf);
  if (parts.length === 0) return { sql: '0', values: [] };
  return { sql: parts.map(({ sql }) => `(${sql})`).join(' OR '), values: parts.flatMap(({ values }) => values) };
}

function not({ sql, values }: Condition): Condition {
  return { sql: `NOT (${sql})`, values };
}

/** IS instead of =, so that null can be asked for and no answer is unknown. */
function oneOf({ column, in: values }: ColumnValues): Condition {
  if (values.length === 0) return { sql: '0', values: [] };
  return { sql: values.map(() => `t.${quoteIdentifier(column)} IS ?`).join(' OR '), values: values.map(bound) };
}

function bound(value: PolicyValue): SqlValue {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
}

/** Refuses a column whose values cannot be times in the declared unit: seconds and milliseconds mixed up take all rows. */
export function requireUnit(connection: Connection, policy: RetentionPolicy, nowMs: number): void {
  const table = quoteIdentifier(policy.table);
  const column = `t.${quoteIdentifier(policy.column)}`;
  const range = connection.get<{ rows: number; low: SqlValue; high: SqlValue; timed: number }>(
    `SELECT count(*) AS rows, count(*) FILTER (WHERE ${timed(policy)}) AS timed, min(${column}) FILTER (WHERE ${timed(policy)}) AS low, max(${column}) FILTER (WHERE ${timed(policy)}) AS high FROM ${table} AS t`,
  );
  if (range === undefined || range.rows === 0) return;
  const about = `${JSON.stringify(policy.column)} of ${JSON.stringify(policy.table)}`;
  const hint = 'check column and unit of the policy';
  if (range.timed === 0)
    throw new TradedbError('usage', `${about} holds no times of the unit ${policy.unit}`, { hint });
  if (policy.unit === 'iso') return;
  const perMs = unitsPerMs(policy.unit);
  const [low, high] = [Number(range.low) / perMs, Number(range.high) / perMs];
  if (high >= yearMs && low <= nowMs + 100 * yearMs) return;
  throw new TradedbError(
    'usage',
    `the values of ${about} are no times in ${policy.unit}: the cutoff lies outside of them`,
    {
      hint,
    },
  );
}
