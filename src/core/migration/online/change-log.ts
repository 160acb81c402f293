import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { readIndexText } from './definition-text.ts';
import { refuse } from './refuse.ts';
import type { OnlineNames, Subject } from './subject.ts';

const events = ['insert', 'update', 'delete', 'before_insert', 'before_update'];

const logColumns = ({ key }: Pick<Subject, 'key'>): string => key.map((_, index) => `k${index}`).join(', ');

/**
 * The log only takes keys and has no constraint, so that no statement of the engine can fail in it. Updates log the old
 * and the new key. REPLACE removes rows through other UNIQUE columns without firing a DELETE trigger: such rows are
 * looked up and logged before.
 */
export function createLog(connection: Connection, subject: Subject): void {
  const { table, names, key } = subject;
  const [on, log] = [quoteIdentifier(table), quoteIdentifier(names.log)];
  const row = (which: 'NEW' | 'OLD'): string => key.map((column) => `${which}.${column}`).join(', ');
  const append = `INSERT INTO ${log}(${logColumns(subject)})`;
  connection.exec(`CREATE TABLE ${log}(seq INTEGER PRIMARY KEY, ${logColumns(subject)})`);
  const trigger = (name: string, when: string, body: readonly string[]): void => {
    if (body.length === 0) return;
    connection.exec(
      `CREATE TRIGGER ${quoteIdentifier(names.trigger(name))} ${when} ON ${on} BEGIN ${body.join('; ')}; END`,
    );
  };
  const differs = key.map((column) => `NEW.${column} IS NOT OLD.${column}`).join(' OR ');
  trigger('insert', 'AFTER INSERT', [`${append} VALUES(${row('NEW')})`]);
  trigger('delete', 'AFTER DELETE', [`${append} VALUES(${row('OLD')})`]);
  trigger('update', 'AFTER UPDATE', [
    `${append} VALUES(${row('OLD')})`,
    `${append} SELECT ${row('NEW')} WHERE ${differs}`,
  ]);
  const replaced = uniqueConditions(connection, subject).map(
    (condition) => `${append} SELECT ${key.join(', ')} FROM ${on} WHERE ${condition}`,
  );
  trigger('before_insert', 'BEFORE INSERT', replaced);
  trigger('before_update', 'BEFORE UPDATE', replaced);
}

/** Which rows a REPLACE would remove, one condition for each UNIQUE index beside the key. */
function uniqueConditions(connection: Connection, { table }: Subject): string[] {
  const indexes = connection.all<{ name: string; origin: string; sql: string | null }>(
    `SELECT l.name, l.origin, s.sql FROM pragma_index_list(?, 'main') l
     LEFT JOIN main.sqlite_schema s ON s.type = 'index' AND s.name = l.name WHERE l."unique" = 1`,
    [table],
  );
  return indexes.flatMap(({ name, sql }) => {
    const columns = connection.all<{ cid: number; name: string | null; coll: string }>(
      `SELECT cid, name, coll FROM pragma_index_xinfo(?, 'main') WHERE key = 1 ORDER BY seqno`,
      [name],
    );
    if (columns.some((column) => column.cid < 0)) {
      throw refuse(`UNIQUE index ${name} of ${table} is over an expression: replaced rows cannot be found`);
    }
    const equal = columns.map((column) => {
      const quoted = quoteIdentifier(column.name ?? '');
      return `${quoted} = NEW.${quoted} COLLATE ${quoteIdentifier(column.coll)}`;
    });
    const where = sql === null ? undefined : readIndexText(sql).where;
    return [[...equal, ...(where === undefined ? [] : [`(${where})`])].join(' AND ')];
  });
}

/** The engine is rid of the change from here on. */
export function dropTriggers(connection: Connection, names: OnlineNames): void {
  for (const event of events) connection.exec(`DROP TRIGGER IF EXISTS ${quoteIdentifier(names.trigger(event))}`);
}

export function logSize(connection: Connection, { log }: OnlineNames): number {
  return Number(connection.value(`SELECT count(*) FROM ${quoteIdentifier(log)}`));
}

/** Makes the temporary tables of a connection that replays. */
export function openReplay(connection: Connection, subject: Subject): void {
  for (const name of ['_tradedb_keys', '_tradedb_touched']) {
    connection.exec(`DROP TABLE IF EXISTS temp.${name}; CREATE TEMP TABLE ${name}(${logColumns(subject)})`);
  }
}

/**
 * Brings the copy up to date for the oldest `rows` entries of the log: their rows are deleted from it and taken again
 * as they are now. It reads present rows, so order and repetition do not matter. Returns the number of entries.
 */
export function replay(connection: Connection, subject: Subject, rows: number): number {
  const { table, names, key, into, select } = subject;
  const [from, shadow, log] = [table, names.shadow, names.log].map(quoteIdentifier);
  const columns = logColumns(subject);
  const [last, count] = Object.values(
    connection.get(`SELECT max(seq), count(*) FROM (SELECT seq FROM ${log} ORDER BY seq LIMIT ?)`, [rows]) ?? {},
  );
  if (Number(count) === 0) return 0;
  const keys = `(${key.join(', ')}) IN (SELECT ${columns} FROM temp._tradedb_keys)`;
  const load = (condition: string): void => {
    connection.exec('DELETE FROM temp._tradedb_keys');
    connection.run(`INSERT INTO temp._tradedb_keys SELECT DISTINCT ${columns} FROM ${log} WHERE ${condition}`, [
      last as number,
    ]);
  };
  const insert = (): void => {
    connection.run(`INSERT INTO ${shadow}(${into.join(', ')}) SELECT ${select.join(', ')} FROM ${from} WHERE ${keys}`);
  };
  load('seq <= ?');
  connection.run(`DELETE FROM ${shadow} WHERE ${keys}`);
  try {
    connection.tx(insert);
  } catch (error) {
    if (!isUniqueError(error)) throw error;
    // A row in the way may be stale itself: everything that the log knows leaves the copy, and comes back in its turn.
    load('seq > ?');
    connection.run(`DELETE FROM ${shadow} WHERE ${keys}`);
    load('seq <= ?');
    insert();
  }
  connection.run(`INSERT INTO temp._tradedb_touched SELECT ${columns} FROM temp._tradedb_keys`);
  connection.run(`DELETE FROM ${log} WHERE seq <= ?`, [last as number]);
  return Number(count);
}

export function isUniqueError(error: unknown): boolean {
  return error instanceof Error && /UNIQUE constraint failed|PRIMARY KEY/.test(error.message);
}
