import { TradedbError } from '../../../error.ts';
import type { Connection } from '../../../sqlite/connection.ts';
import { quoteIdentifier } from '../../../sqlite/quote-identifier.ts';
import type { Statement } from '../../../sqlite/statement.ts';
import type { RawValue } from '../raw-value.ts';
import type { RowRange, SourceKey, SourceRow } from '../source.ts';
import type { SourceSchema } from '../source-schema.ts';
import { tableRows } from '../table-rows.ts';
import { textOf } from './field.ts';
import type { JoinedTable } from './table.ts';

const rowid = 'rowid';
const lookUpLimits = { rows: 10_000, ms: 50 };

/** A table of an SQLite file. `temporary` makes a place for look-ups by columns that have no index. */
export class SqliteTable implements JoinedTable {
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: RowRange;
  readonly mutable: boolean;
  readonly decimal: '.' | ',' = '.';
  readonly ownColumns: readonly string[];
  readonly key: readonly string[];
  readonly #schema: SourceSchema;
  readonly #temporary: () => Connection;
  readonly #order: readonly string[];
  readonly #finders = new Map<string, (value: RawValue) => readonly SourceRow[]>();

  /** Throws `config_invalid` when there is no such table. */
  constructor(schema: SourceSchema, name: string, temporary: () => Connection) {
    const there = schema.columns(name);
    if (there.length === 0) throw new TradedbError('config_invalid', `the file has no table ${JSON.stringify(name)}`);
    const id = there.filter(({ keyPosition }) => keyPosition > 0).sort((a, b) => a.keyPosition - b.keyPosition);
    const hasRowid = hasRowids(schema, name);
    // Without a key of its own a table is read by rowid, which VACUUM may give anew.
    this.#order = hasRowid && !isRowidAlias(id) ? [rowid] : id.map((column) => column.name);
    this.mutable = !isRowidAlias(id);
    this.ownColumns = this.#order.includes(rowid) ? [rowid] : [];
    this.columns = [...there.map((column) => column.name), ...this.ownColumns];
    this.key = id.length === 0 ? [rowid] : id.map((column) => column.name);
    this.name = name;
    this.#schema = schema;
    this.#temporary = temporary;
    this.rows = tableRows(schema, { table: name, columns: this.columns, key: this.#order });
  }

  defect(): undefined {
    return undefined;
  }

  find(column: string, value: RawValue): readonly SourceRow[] {
    let finder = this.#finders.get(column);
    if (finder === undefined) {
      finder = this.#isIndexed(column) ? this.#finder([column]) : this.#lookUp(column);
      this.#finders.set(column, finder);
    }
    return finder(value);
  }

  #isIndexed(column: string): boolean {
    const { connection } = this.#schema;
    if (this.#order[0] === column) return true;
    const first = connection.all<{ name: string | null }>(
      `SELECT i.name AS name FROM pragma_index_list(?) l JOIN pragma_index_info(l.name) i WHERE i.seqno = 0 AND l.partial = 0`,
      [this.name],
    );
    return first.some(({ name }) => name === column);
  }

  #finder(columns: readonly string[]): (value: RawValue) => readonly SourceRow[] {
    const statement = this.#select(columns);
    return (value) => statement.all<SourceRow>([value]);
  }

  #select(columns: readonly string[]): Statement {
    const list = this.columns.map(quoteIdentifier).join(', ');
    const where = columns.map((column) => `${quoteIdentifier(column)} = ?`).join(' AND ');
    const order = this.#order.map(quoteIdentifier).join(', ');
    const sql = `SELECT ${list} FROM main.${quoteIdentifier(this.name)} WHERE ${where} ORDER BY ${order}`;
    return this.#schema.connection.prepare(sql).asArrays().withBigIntegers();
  }

  /** Keys by value, in a temporary file that SQLite makes and removes: a scan for each row would never end. */
  #lookUp(column: string): (value: RawValue) => readonly SourceRow[] {
    const places = this.#order.map((_, index) => `k${index}`);
    const connection = this.#temporary();
    const table = quoteIdentifier(`by ${this.name} ${column}`);
    connection.exec(`CREATE TABLE ${table} (v, ${places.join(', ')})`);
    const insert = connection.prepare(`INSERT INTO ${table} VALUES (?, ${places.map(() => '?').join(', ')})`);
    const range = tableRows(this.#schema, { table: this.name, columns: [column, ...this.#order], key: this.#order });
    connection.tx(() => {
      let after: SourceKey | undefined;
      for (let isDone = false; !isDone; ) {
        const slice = range.read(after, lookUpLimits, ([value = null, ...key]) => {
          if (value !== null) insert.run([textOf(value), ...key]);
        });
        after = slice.last ?? after;
        isDone = slice.done;
      }
    });
    connection.exec(`CREATE INDEX ${quoteIdentifier(`by ${this.name} ${column} value`)} ON ${table} (v)`);
    const keys = connection
      .prepare(`SELECT ${places.join(', ')} FROM ${table} WHERE v = ? ORDER BY ${places.join(', ')}`)
      .asArrays()
      .withBigIntegers();
    const row = this.#select(this.#order);
    return (value) => keys.all<(number | string | bigint)[]>([textOf(value)]).flatMap((key) => row.all<SourceRow>(key));
  }
}

/** An INTEGER PRIMARY KEY: it grows with every row, and stays. */
function isRowidAlias(key: readonly { readonly type: string }[]): boolean {
  return key.length === 1 && key[0]?.type.toUpperCase() === 'INTEGER';
}

function hasRowids({ connection }: SourceSchema, table: string): boolean {
  return connection.value('SELECT wr FROM pragma_table_list(?) WHERE schema = ?', [table, 'main']) === 0;
}
