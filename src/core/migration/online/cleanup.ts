import { listTables } from '../../schema/introspect.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { sliceEnd } from './copy.ts';
import { compareKey } from './online-run.ts';
import type { OnlineNames } from './subject.ts';

/** One short write transaction with a rest behind it. */
export type ShortStep = (work: () => void) => Promise<void>;

/**
 * Removes everything that the change has made in steps that hold the write lock for a short time each: index by index,
 * then the rows, then the empty table.
 */
export async function removeWorkingTables(
  connection: Connection,
  names: OnlineNames,
  at: { key: readonly string[]; rows(): number; step: ShortStep },
): Promise<void> {
  const { shadow, log } = names;
  await at.step(() => connection.exec(`DROP TABLE IF EXISTS ${quoteIdentifier(log)}`));
  const suffix = shadow.slice('_tradedb_online'.length);
  const half = connection
    .all<{ name: string }>(
      `SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name GLOB '_tradedb_index[0-9]*'`,
    )
    .filter(({ name }) => name.endsWith(suffix));
  for (const { name } of half) await at.step(() => connection.exec(`DROP TABLE ${quoteIdentifier(name)}`));
  const indexes = connection.all<{ name: string }>(
    `SELECT name FROM main.sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL`,
    [shadow],
  );
  for (const { name } of indexes) await at.step(() => connection.exec(`DROP INDEX ${quoteIdentifier(name)}`));
  if (!listTables(connection).some((table) => table.name === shadow)) return;
  for (let left = true; left; ) {
    await at.step(() => {
      const upto = sliceEnd(connection, { table: shadow, key: at.key }, { after: null, end: null, rows: at.rows() });
      left = upto !== undefined;
      if (upto === undefined) return;
      const upper = compareKey(at.key, '<=', { name: 'upto', values: upto });
      connection.run(`DELETE FROM ${quoteIdentifier(shadow)} WHERE ${upper.sql}`, upper.values);
    });
  }
  await at.step(() => connection.exec(`DROP TABLE ${quoteIdentifier(shadow)}`));
}
