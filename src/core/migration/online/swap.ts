import { TradedbError } from '../../error.ts';
import { readObjects } from '../../schema/introspect.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { withWritableSchema } from '../../sqlite/writable-schema.ts';
import { findBroken } from '../post-check/broken-objects.ts';
import { dropTriggers, logSize, replay } from './change-log.ts';
import { withoutParents } from './definition-text.ts';
import type { IndexPlan } from './index-plan.ts';
import { newForeignKeys, orphans } from './new-foreign-keys.ts';
import { objectsDigest } from './objects-digest.ts';
import type { OnlineRun } from './online-run.ts';

export interface Swap {
  /** The wanted CREATE TABLE under the name of the table. */
  readonly sql: string;
  readonly indexes: readonly IndexPlan[];
}

const mostInSwap = 100;

/** Drains the log and exchanges the two tables; returns how long the writers had to wait for the exchange. */
export async function swapTables(online: OnlineRun, swap: Swap): Promise<number> {
  const { connection, subject, pacing } = online;
  const before = findBroken(connection, readObjects(connection));
  const keys = newForeignKeys(connection, subject, swap.sql);
  for (;;) {
    while (logSize(connection, subject.names) > mostInSwap) {
      await online.batch(() => {
        replay(connection, subject, Math.min(pacing.rows, 2000));
        return {};
      });
    }
    let swapped = false;
    const hold = await online.step(() => {
      if (objectsDigest(connection, subject.table) !== online.work.objects) throw changedMeanwhile(subject.table);
      if (logSize(connection, subject.names) > 2 * mostInSwap) return {};
      replay(connection, subject, Number.MAX_SAFE_INTEGER);
      requireParents(connection, keys, subject.table);
      dropTriggers(connection, subject.names);
      exchange(connection, online, swap);
      for (const [object, error] of findBroken(connection, readObjects(connection))) {
        if (!before.has(object)) throw new TradedbError('migration_failed', `would break ${object}: ${error}`);
      }
      swapped = true;
      return { phase: 'cleanup' };
    });
    if (swapped) return hold;
  }
}

function requireParents(connection: Connection, keys: ReturnType<typeof newForeignKeys>, table: string): void {
  for (const key of keys) {
    const found = orphans(connection, key, 'touched');
    if (found > 0) throw withoutParent(table, key.parent, found);
  }
}

export function withoutParent(table: string, parent: string, rows: number): TradedbError {
  return new TradedbError('migration_failed', `${rows} rows of ${table} have no parent in ${parent}`, {
    hint: 'delete or correct the rows',
  });
}

function changedMeanwhile(table: string): TradedbError {
  return new TradedbError(
    'migration_failed',
    `${table}, or an index or trigger of it, was changed by somebody else meanwhile`,
    {
      hint: 'the table itself is untouched; give the change up with --abort, and start again',
    },
  );
}

interface SchemaRow {
  readonly name: string;
  readonly rootpage: number;
  readonly sql: string | null;
}

/**
 * Exchanges the b-trees behind the names, so that every text which mentions the table stays as it is: indexes,
 * triggers, views, foreign keys of other tables and statistics. A row keeps its place in sqlite_schema, because SQLite
 * reads it in that order and a trigger needs its table before it.
 */
function exchange(connection: Connection, { subject }: OnlineRun, { sql, indexes }: Swap): void {
  const { table, names } = subject;
  const row = (type: string, name: string): SchemaRow =>
    connection.get<SchemaRow>(`SELECT name, rootpage, sql FROM main.sqlite_schema WHERE type = ? AND name = ?`, [
      type,
      name,
    ]) as SchemaRow;
  const automatic = (of: string): SchemaRow[] =>
    connection.all<SchemaRow>(
      `SELECT name, rootpage, sql FROM main.sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NULL`,
      [of],
    );
  const [old, fresh] = [row('table', table), row('table', names.shadow)];
  const [oldAutomatic, freshAutomatic] = [automatic(table), automatic(names.shadow)];
  const pairs = indexes.map((index) => [row('index', index.name), row('index', index.working)] as const);
  const shadowSql = withoutParents(renamed(old.sql ?? '', names.shadow));
  withWritableSchema(connection, () => {
    const setTable = (name: string, to: SchemaRow, text: string): void => {
      connection.run(`UPDATE main.sqlite_schema SET rootpage = ?, sql = ? WHERE type = 'table' AND name = ?`, [
        to.rootpage,
        text,
        name,
      ]);
    };
    const setIndex = (name: string, to: SchemaRow): void => {
      connection.run(`UPDATE main.sqlite_schema SET rootpage = ? WHERE type = 'index' AND name = ?`, [
        to.rootpage,
        name,
      ]);
    };
    setTable(table, fresh, sql);
    setTable(names.shadow, old, shadowSql);
    for (const [left, right] of pairs) {
      setIndex(left.name, right);
      setIndex(right.name, left);
    }
    connection.run(`DELETE FROM main.sqlite_schema WHERE type = 'index' AND sql IS NULL AND tbl_name IN (?, ?)`, [
      table,
      names.shadow,
    ]);
    for (const [rows, from, to] of [
      [freshAutomatic, names.shadow, table],
      [oldAutomatic, table, names.shadow],
    ] as const) {
      for (const one of rows) {
        const number = one.name.slice(`sqlite_autoindex_${from}_`.length);
        connection.run(
          `INSERT INTO main.sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES('index', ?, ?, ?, NULL)`,
          [`sqlite_autoindex_${to}_${number}`, to, one.rootpage],
        );
      }
    }
    moveSequence(connection, { table, shadow: names.shadow, sql });
    connection.pragma(`schema_version = ${Number(connection.pragmaValue('schema_version')) + 1}`);
  });
}

function renamed(sql: string, name: string): string {
  return sql.replace(
    /^CREATE TABLE\s+(?:"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|'(?:[^']|'')*'|[^\s("'`[]+)/i,
    () => `CREATE TABLE ${quoteIdentifier(name)}`,
  );
}

/** The counter stays with the name; a table that is no longer AUTOINCREMENT has none. */
function moveSequence(connection: Connection, at: { table: string; shadow: string; sql: string }): void {
  if (connection.get(`SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'`) === undefined) return;
  const counter = (name: string): number | undefined =>
    connection.get<{ seq: number }>('SELECT seq FROM main.sqlite_sequence WHERE name = ?', [name])?.seq;
  const [present, copied] = [counter(at.table), counter(at.shadow)];
  connection.run('DELETE FROM main.sqlite_sequence WHERE name IN (?, ?)', [at.table, at.shadow]);
  if (!/\bautoincrement\b/i.test(at.sql) || (present === undefined && copied === undefined)) return;
  connection.run('INSERT INTO main.sqlite_sequence(name, seq) VALUES(?, ?)', [
    at.table,
    Math.max(present ?? 0, copied ?? 0),
  ]);
}
