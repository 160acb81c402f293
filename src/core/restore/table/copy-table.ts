import { TradedbError } from '../../error.ts';
import { sameName } from '../../schema/introspect.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { type RowKey, renamed, rowKeyOf, type TableDefinition } from './table-definition.ts';

/** `new`: a table beside it; `missing`: rows whose key is gone; `upsert`: those, and changed ones; `replace`: all. */
export const tableModes = ['new', 'missing', 'upsert', 'replace'] as const;
export type TableMode = (typeof tableModes)[number];

export interface TableCopy {
  /** The table of the backup, attached as schema `restored`. */
  readonly backup: TableDefinition;
  /** The table that gets the rows; it does not exist yet in mode `new`. */
  readonly live: TableDefinition | undefined;
  readonly as: string;
  readonly mode: TableMode;
}

export interface TableCopied {
  readonly name: string;
  readonly as: string;
  readonly mode: TableMode;
  readonly rowsInBackup: number;
  readonly rowsInserted: number;
  readonly rowsUpdated: number;
  readonly rowsDeleted: number;
  /** Rows of the backup that are not there, because another row has their unique value. */
  readonly rowsSkipped: number;
}

/** Copies one table; runs inside the transaction of the caller, with foreign keys off and triggers away. */
export function copyTable(connection: Connection, copy: TableCopy): TableCopied {
  const { backup, live, as, mode } = copy;
  if (live === undefined) connection.exec(renamed(backup.sql, as));
  const names = new Names(copy, live ?? { ...backup, name: as });
  const rowsInBackup = count(connection, names.source);
  const rowsDeleted = mode === 'replace' ? connection.run(`DELETE FROM ${names.target}`).changes : 0;
  const rowsUpdated = mode === 'upsert' ? connection.run(names.update()).changes : 0;
  const wanted =
    mode === 'missing' || mode === 'upsert' ? count(connection, names.source, names.absent()) : rowsInBackup;
  const rowsInserted = insert(connection, names, mode);
  if (backup.autoincrement) carrySequence(connection, backup.name, as);
  return {
    name: backup.name,
    as,
    mode,
    rowsInBackup,
    rowsInserted,
    rowsUpdated,
    rowsDeleted,
    rowsSkipped: wanted - rowsInserted,
  };
}

function insert(connection: Connection, names: Names, mode: TableMode): number {
  if (mode === 'new' || mode === 'replace') return connection.run(names.insert('INSERT', true)).changes;
  return connection.run(`${names.insert('INSERT OR IGNORE', false)} WHERE ${names.absent()}`).changes;
}

function count(connection: Connection, table: string, condition = '1'): number {
  return Number(connection.value(`SELECT count(*) FROM ${table} AS r WHERE ${condition}`));
}

/** The next number of AUTOINCREMENT must not be one that was given away once. */
function carrySequence(connection: Connection, name: string, as: string): void {
  const before = connection.value('SELECT seq FROM restored.sqlite_sequence WHERE name = ?', [name]);
  if (before === undefined) return;
  const changed = connection.run('UPDATE main.sqlite_sequence SET seq = max(seq, ?) WHERE name = ?', [before, as]);
  if (changed.changes === 0) connection.run('INSERT INTO main.sqlite_sequence (name, seq) VALUES (?, ?)', [as, before]);
}

/** The statements of one copy, with every name quoted. */
class Names {
  readonly target: string;
  readonly source: string;
  readonly #key: RowKey | undefined;
  readonly #columns: readonly string[];
  readonly #table: string;

  constructor({ backup }: TableCopy, live: TableDefinition) {
    this.#table = backup.name;
    this.target = `main.${quoteIdentifier(live.name)}`;
    this.source = `restored.${quoteIdentifier(backup.name)}`;
    this.#key = rowKeyOf(live);
    const plain = (table: TableDefinition): string[] =>
      table.columns.filter((column) => column.generated === 'no').map((column) => column.name);
    const there = plain(live);
    this.#columns = plain(backup).filter((name) => there.some((one) => sameName(one, name)));
  }

  /** Takes the rowid along where rows have one that is no column, so that a table comes back as it was. */
  insert(verb: string, withRowid: boolean): string {
    const key = this.#key;
    const byRowid = key !== undefined && key.rowid !== undefined && key.columns[0] === key.rowid;
    const rowid = key?.rowid !== undefined && (withRowid || byRowid) ? [key.rowid] : [];
    const list = (prefix: string): string =>
      [...rowid, ...this.#columns].map((name) => `${prefix}${quoteIdentifier(name)}`).join(', ');
    return `${verb} INTO ${this.target} (${list('')}) SELECT ${list('r.')} FROM ${this.source} AS r`;
  }

  /** True for a row `r` of the backup whose key is not in the table. */
  absent(): string {
    return `NOT EXISTS (SELECT 1 FROM ${this.target} AS m WHERE ${this.#sameKey()})`;
  }

  /** Gives the rows that are there the values of the backup, where one differs. */
  update(): string {
    const key = this.#requireKey();
    const rest = this.#columns.filter((name) => !key.columns.some((one) => sameName(one, name)));
    if (rest.length === 0) return `UPDATE ${this.target} SET ${this.#first()} = ${this.#first()} WHERE 0`;
    const set = rest.map((name) => `${quoteIdentifier(name)} = r.${quoteIdentifier(name)}`).join(', ');
    const differs = rest.map((name) => `m.${quoteIdentifier(name)} IS NOT r.${quoteIdentifier(name)}`).join(' OR ');
    return `UPDATE ${this.target} AS m SET ${set} FROM ${this.source} AS r WHERE ${this.#sameKey()} AND (${differs})`;
  }

  #first(): string {
    return quoteIdentifier(this.#columns[0] ?? 'rowid');
  }

  #sameKey(): string {
    return this.#requireKey()
      .columns.map((name) => `m.${quoteIdentifier(name)} IS r.${quoteIdentifier(name)}`)
      .join(' AND ');
  }

  #requireKey(): RowKey {
    if (this.#key !== undefined) return this.#key;
    throw new TradedbError(
      'unsupported',
      `the rows of ${JSON.stringify(this.#table)} have nothing to tell them apart`,
      {
        hint: 'all names of its rowid are columns: restore it with --mode new or --mode replace',
      },
    );
  }
}
