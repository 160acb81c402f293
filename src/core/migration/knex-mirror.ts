import type { Connection } from '../sqlite/connection.ts';
import { type HistoryMirror, isAppliedEvent, type NewHistoryRow } from './history.ts';

/** The tables of knex as knex makes them itself. */
const tables = `
CREATE TABLE IF NOT EXISTS knex_migrations(
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, name VARCHAR(255), batch INTEGER, migration_time DATETIME
);
CREATE TABLE IF NOT EXISTS knex_migrations_lock(\`index\` INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, is_locked INTEGER);
INSERT INTO knex_migrations_lock(is_locked) SELECT 0 WHERE NOT EXISTS(SELECT 1 FROM knex_migrations_lock);`;

const withoutEnding = (name: string): string => name.replace(/\.[A-Za-z]+$/, '');

/**
 * Writes what is applied into `knex_migrations` too, in the same transaction, for programs that still ask knex. One run
 * is one batch, as in knex.
 */
export function knexMirror(connection: Connection): HistoryMirror {
  let ready = false;
  const batches = new Map<string, number>();
  const batchOf = (run: string): number => {
    let batch = batches.get(run);
    if (batch === undefined) {
      batch = Number(connection.value('SELECT coalesce(max(batch), 0) + 1 FROM knex_migrations'));
      batches.set(run, batch);
    }
    return batch;
  };
  return (row) => {
    const applied = isAppliedEvent(row.event);
    if (!applied && !['rolled_back', 'marked_rolled_back', 'forgotten'].includes(row.event)) return;
    if (!ready) connection.exec(tables);
    ready = true;
    const stem = row.name === '' ? row.version : `${row.version}_${row.name}`;
    const known = connection
      .all<{ id: number; name: string }>('SELECT id, name FROM knex_migrations')
      .filter((one) => withoutEnding(one.name) === stem || one.name === row.file);
    if (applied && known.length === 0)
      insert(connection, row, { name: row.file ?? `${stem}.sql`, batch: batchOf(row.run) });
    if (!applied) for (const { id } of known) connection.run('DELETE FROM knex_migrations WHERE id = ?', [id]);
  };
}

function insert(connection: Connection, row: NewHistoryRow, entry: { name: string; batch: number }): void {
  connection.run('INSERT INTO knex_migrations(name, batch, migration_time) VALUES(?, ?, ?)', [
    entry.name,
    entry.batch,
    Date.parse(row.at),
  ]);
}
