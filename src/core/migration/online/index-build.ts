import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { withWritableSchema } from '../../sqlite/writable-schema.ts';
import type { IndexPlan } from './index-plan.ts';
import type { OnlineRun } from './online-run.ts';

/**
 * Builds the indexes of the copy without the long lock of CREATE INDEX. The entries are sorted into a temporary table,
 * which locks nobody out, and written in their order into a table WITHOUT ROWID whose b-tree has the very format of the
 * index: short transactions that append to its right edge. Then its row in sqlite_schema is turned into the index.
 * The key of such a table takes no NULL; rows with one are held back by the copy and come with the log.
 */
export async function buildIndexes(online: OnlineRun, indexes: readonly IndexPlan[]): Promise<void> {
  for (const index of indexes.slice(online.work.indexesDone)) await buildIndex(online, index);
  await online.step(() => ({ phase: 'drain' }));
}

const sorted = 'temp._tradedb_sorted';

async function buildIndex(online: OnlineRun, index: IndexPlan): Promise<void> {
  const { connection, context, pacing } = online;
  const working = quoteIdentifier(index.working);
  const columns = index.entry.map((_, position) => `c${position}`);
  const order = index.entry.map(
    ({ collation, descending }, position) =>
      `c${position} COLLATE ${quoteIdentifier(collation)}${descending ? ' DESC' : ''}`,
  );
  // What an earlier try has left is incomplete, and the temporary table with its order is gone.
  await online.step(() => {
    connection.exec(
      `DROP TABLE IF EXISTS ${working}; CREATE TABLE ${working}(${columns.join(', ')}, PRIMARY KEY(${order.join(', ')})) WITHOUT ROWID`,
    );
    return {};
  });
  const shadow = quoteIdentifier(online.subject.names.shadow);
  const where = index.where === undefined ? '' : ` WHERE ${index.where}`;
  connection.exec(`DROP TABLE IF EXISTS ${sorted}`);
  connection.exec(
    `CREATE TEMP TABLE _tradedb_sorted AS
     SELECT ${index.entry.map(({ expression }, position) => `${expression} AS c${position}`).join(', ')}
     FROM ${shadow}${where} ORDER BY ${order.join(', ')}`,
  );
  const total = Number(connection.value(`SELECT count(*) FROM ${sorted}`));
  const task = context.progress.start({ id: 'index', label: `building ${index.name}`, unit: 'rows', total });
  try {
    for (let done = 0; done < total; ) {
      const upto = Math.min(total, done + pacing.rows);
      await online.batch(() => {
        connection.run(
          `INSERT INTO ${working}(${columns.join(', ')}) SELECT ${columns.join(', ')} FROM ${sorted} WHERE rowid > ? AND rowid <= ? ORDER BY rowid`,
          [done, upto],
        );
        return {};
      });
      task.advance(upto - done);
      done = upto;
    }
  } finally {
    task.done();
  }
  connection.exec(`DROP TABLE ${sorted}`);
  await online.step(() => {
    turnIntoIndex(online, index);
    return { indexesDone: online.work.indexesDone + 1 };
  });
}

function turnIntoIndex({ connection, subject }: OnlineRun, index: IndexPlan): void {
  withWritableSchema(connection, () => {
    connection.run(
      `UPDATE main.sqlite_schema SET type = 'index', tbl_name = ?, sql = ? WHERE type = 'table' AND name = ?`,
      [subject.names.shadow, index.sql, index.working],
    );
    connection.pragma(`schema_version = ${Number(connection.pragmaValue('schema_version')) + 1}`);
  });
}
