import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import type { KeyBound } from '../long/key-value.ts';
import { isUniqueError } from './change-log.ts';
import type { IndexPlan } from './index-plan.ts';
import { compareKey, keepParts, type OnlineRun } from './online-run.ts';
import type { Subject } from './subject.ts';

/** The last key of the next `rows` rows behind `after`; undefined when fewer are left. */
export function sliceEnd(
  connection: Connection,
  { table, key }: Pick<Subject, 'table' | 'key'>,
  slice: { after: readonly KeyBound[] | null; end: readonly KeyBound[] | null; rows: number },
): KeyBound[] | undefined {
  const lower = compareKey(key, '>', { name: 'after', values: slice.after });
  const upper = compareKey(key, '<=', { name: 'end', values: slice.end });
  const row = connection
    .prepare(
      `SELECT ${key.join(', ')} FROM ${quoteIdentifier(table)} WHERE ${lower.sql} AND ${upper.sql}
       ORDER BY ${key.join(', ')} LIMIT 1 OFFSET @skip`,
    )
    .withBigIntegers()
    .asArrays()
    .get<SqlValue[]>({ ...lower.values, ...upper.values, skip: slice.rows - 1 });
  return row === undefined ? undefined : keepParts(row);
}

/** Copies the rows up to the end key in order of the key. What is written meanwhile is in the log. */
export async function copyRows(online: OnlineRun, indexes: readonly IndexPlan[]): Promise<void> {
  const { connection, subject, pacing, context } = online;
  const { rowsDone, rowsTotal } = online.work;
  const task = context.progress.start({
    id: 'online',
    label: `copying ${subject.table}`,
    unit: 'rows',
    total: rowsTotal,
  });
  task.advance(rowsDone);
  try {
    while (online.work.phase === 'copy') {
      const before = online.work;
      await online.batch(() => {
        const { after, end } = before;
        if (end === null) return { phase: 'index' };
        const upto = sliceEnd(connection, subject, { after, end, rows: pacing.rows }) ?? end;
        const copied = copySlice(connection, subject, { after, upto });
        holdBack(connection, subject, { after, upto, indexes });
        const rows = { after: upto, rowsDone: before.rowsDone + copied, rowsChanged: before.rowsChanged + copied };
        return sameKey(upto, end) ? { ...rows, phase: 'index' } : rows;
      });
      task.advance(online.work.rowsDone - before.rowsDone);
    }
  } finally {
    task.done();
  }
}

const sameKey = (left: readonly KeyBound[], right: readonly KeyBound[]): boolean =>
  JSON.stringify(left) === JSON.stringify(right);

interface Slice {
  readonly after: readonly KeyBound[] | null;
  readonly upto: readonly KeyBound[];
}

function copySlice(connection: Connection, subject: Subject, slice: Slice): number {
  const { names, key } = subject;
  try {
    return connection.tx(() => insertSlice(connection, subject, slice, ''));
  } catch (error) {
    if (!(error instanceof TradedbError) || error.code !== 'constraint_violation') throw error;
    if (isUniqueError(error)) {
      // The row in the way may be stale: what the log knows leaves the copy, and comes back with the log.
      const logged = `(${key.join(', ')}) IN (SELECT ${key.map((_, index) => `k${index}`).join(', ')} FROM ${quoteIdentifier(names.log)})`;
      connection.run(`DELETE FROM ${quoteIdentifier(names.shadow)} WHERE ${logged}`);
      try {
        return connection.tx(() => insertSlice(connection, subject, slice, ` AND NOT ${logged}`));
      } catch (second) {
        throw namedRow(connection, subject, { slice, error: second });
      }
    }
    throw namedRow(connection, subject, { slice, error });
  }
}

function insertSlice(
  connection: Connection,
  { table, names, key, into, select }: Subject,
  slice: Slice,
  also: string,
): number {
  const lower = compareKey(key, '>', { name: 'after', values: slice.after });
  const upper = compareKey(key, '<=', { name: 'upto', values: slice.upto });
  return connection.run(
    `INSERT INTO ${quoteIdentifier(names.shadow)}(${into.join(', ')})
     SELECT ${select.join(', ')} FROM ${quoteIdentifier(table)}
     WHERE ${lower.sql} AND ${upper.sql}${also} ORDER BY ${key.join(', ')}`,
    { ...lower.values, ...upper.values },
  ).changes;
}

/** Rows whose place an index can take only later go through the log; see `index-build`. */
function holdBack(
  connection: Connection,
  { names, key }: Subject,
  { after, upto, indexes }: Slice & { indexes: readonly IndexPlan[] },
): void {
  const conditions = indexes.flatMap((index) => index.heldBack ?? []);
  if (conditions.length === 0) return;
  const lower = compareKey(key, '>', { name: 'after', values: after });
  const upper = compareKey(key, '<=', { name: 'upto', values: upto });
  const shadow = quoteIdentifier(names.shadow);
  const where = `${lower.sql} AND ${upper.sql} AND (${conditions.map((one) => `(${one})`).join(' OR ')})`;
  const values = { ...lower.values, ...upper.values };
  const columns = key.map((_, index) => `k${index}`).join(', ');
  const held = connection.run(
    `INSERT INTO ${quoteIdentifier(names.log)}(${columns}) SELECT ${key.join(', ')} FROM ${shadow} WHERE ${where}`,
    values,
  ).changes;
  if (held > 0) connection.run(`DELETE FROM ${shadow} WHERE ${where}`, values);
}

/** The error with the first row that does not fit: found by copying one row after the other, and thrown away. */
function namedRow(
  connection: Connection,
  subject: Subject,
  { slice, error }: { slice: Slice; error: unknown },
): unknown {
  if (!(error instanceof TradedbError)) return error;
  let after = slice.after;
  for (;;) {
    const upto = sliceEnd(connection, subject, { after, end: slice.upto, rows: 1 });
    if (upto === undefined) return error;
    try {
      insertSlice(connection, subject, { after, upto }, '');
    } catch (second) {
      const key = upto.map((part) => part.value).join(', ');
      const reason = second instanceof Error ? second.message : String(second);
      return new TradedbError(
        'migration_failed',
        `row ${key} of ${subject.table} does not fit the new form: ${reason}`,
        {
          hint: 'correct the row',
          cause: second,
        },
      );
    }
    after = upto;
  }
}
