import { foldName } from '../schema/normalise.ts';
import type { Connection } from '../sqlite/connection.ts';
import type { Statement } from './statement.ts';

/**
 * Whether a RENAME TO runs with `legacy_alter_table`. It cuts both ways: the last rename of a rebuild fails without it
 * when a view mentions the table, and a genuine rename with it leaves foreign keys, views and triggers at the old name.
 * So it is on when the new name is a table that the file itself took away (a rebuild), and when the old name is created
 * again later in the file (the old table is only moved away first).
 */
export function renameIsRebuild(
  statement: Statement,
  later: readonly Statement[],
  tablesBefore: ReadonlySet<string>,
  connection: Connection,
): boolean {
  const from = foldName(statement.target ?? '');
  const to = foldName(statement.renameTo ?? '');
  if (later.some((next) => next.kind === 'create_table' && foldName(next.target ?? '') === from)) return true;
  if (later.some((next) => next.kind === 'rename_table' && foldName(next.renameTo ?? '') === from)) return true;
  if (!tablesBefore.has(to)) return false;
  return connection.get(`SELECT 1 FROM main.sqlite_schema WHERE name = ? COLLATE NOCASE`, [to]) === undefined;
}
