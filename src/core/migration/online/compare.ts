import { TradedbError } from '../../error.ts';
import { listTables, readColumns, sameName } from '../../schema/introspect.ts';
import { foldName } from '../../schema/normalise.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { KeyBound } from '../long/key-value.ts';
import { sliceEnd } from './copy.ts';
import { compareKey, type OnlineRun } from './online-run.ts';

const rowsPerRange = 20_000;
const expected = 'temp._tradedb_expected';

/**
 * Compares every row of the copy with what the table says, range by range, without the write lock. Each range has a
 * snapshot of its own; rows that are in the log at that moment are left out, because they are still to come.
 */
export async function compareRows(online: OnlineRun): Promise<void> {
  const { connection, context, subject, run } = online;
  const columns = makeExpected(online);
  const task = context.progress.start({
    id: 'compare',
    label: `comparing ${subject.table}`,
    unit: 'rows',
    total: online.work.rowsTotal,
  });
  try {
    for (let after: readonly KeyBound[] | null = null; ; ) {
      const upto: KeyBound[] | undefined = connection.read(() => {
        const end = sliceEnd(connection, subject, { after, end: null, rows: rowsPerRange });
        compareRange(online, columns, { after, upto: end ?? null });
        return end;
      });
      task.advance(rowsPerRange);
      if (upto === undefined) break;
      after = upto;
      await context.clock.sleep(0.1, context.signal);
      await run.session.breather.pause();
    }
  } finally {
    task.done();
    connection.exec(`DROP TABLE ${expected}`);
  }
  const problem = connection.pragmaValue(`integrity_check(${quoteIdentifier(subject.names.shadow)})`);
  if (problem !== 'ok') throw broken(online, String(problem));
}

/** A table with the types of the copy and nothing else of it: what the rows become when they are stored there. */
function makeExpected({ connection, subject }: OnlineRun): string[] {
  const shadow = listTables(connection).find((table) => sameName(table.name, subject.names.shadow));
  const types = new Map(
    readColumns(connection, subject.names.shadow).map((column) => [
      foldName(quoteIdentifier(column.name)),
      column.type,
    ]),
  );
  const columns = subject.into.map((name, index) => `e${index} ${types.get(foldName(name)) ?? 'INTEGER'}`);
  const strict = shadow?.strict === true ? ' STRICT' : '';
  connection.exec(
    `DROP TABLE IF EXISTS ${expected}; CREATE TEMP TABLE _tradedb_expected(${columns.join(', ')})${strict}`,
  );
  return subject.into.map((_, index) => `e${index}`);
}

function compareRange(
  online: OnlineRun,
  columns: readonly string[],
  range: { after: readonly KeyBound[] | null; upto: readonly KeyBound[] | null },
): void {
  const { connection, subject } = online;
  const { table, names, key, into, select } = subject;
  const lower = compareKey(key, '>', { name: 'after', values: range.after });
  const upper = compareKey(key, '<=', { name: 'upto', values: range.upto });
  const values = { ...lower.values, ...upper.values };
  const logged = `SELECT ${key.map((_, index) => `k${index}`).join(', ')} FROM ${quoteIdentifier(names.log)}`;
  const where = `${lower.sql} AND ${upper.sql} AND (${key.join(', ')}) NOT IN (${logged})`;
  const shadow = quoteIdentifier(names.shadow);
  connection.exec(`DELETE FROM ${expected}`);
  const rows = connection.run(
    `INSERT INTO ${expected}(${columns.join(', ')}) SELECT ${select.join(', ')} FROM ${quoteIdentifier(table)} WHERE ${where}`,
    values,
  ).changes;
  const copied = Number(connection.value(`SELECT count(*) FROM ${shadow} WHERE ${where}`, values));
  const different = Number(
    connection.value(
      `SELECT count(*) FROM (SELECT ${columns.join(', ')} FROM ${expected} EXCEPT SELECT ${into.join(', ')} FROM ${shadow} WHERE ${where})`,
      values,
    ),
  );
  if (rows === copied && different === 0) return;
  const where_ = `behind key ${range.after?.map((part) => part.value).join(', ') ?? 'none'}`;
  throw broken(
    online,
    `${rows} rows of the table and ${copied} of the copy, ${different} of them different, ${where_}`,
  );
}

function broken({ subject }: OnlineRun, what: string): TradedbError {
  return new TradedbError('migration_failed', `the copy of ${subject.table} is not what it should be: ${what}`, {
    hint: 'the table itself is untouched; give the change up with --abort, and report this',
  });
}
