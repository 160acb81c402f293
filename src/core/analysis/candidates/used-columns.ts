import type { Connection } from '../../sqlite/connection.ts';
import type { SqlParameters } from '../../sqlite/statement.ts';
import { bindable } from '../cost/bind-values.ts';

/** What a statement touches, its triggers, foreign-key checks and cascades included. */
export interface StatementUse {
  /** Columns that are read, by table. */
  readonly columns: ReadonlyMap<string, ReadonlySet<string>>;
  /** Indexes and tables that are opened for reading. */
  readonly read: ReadonlySet<string>;
  /** Indexes and tables that are opened for writing. */
  readonly written: ReadonlySet<string>;
  /** Tables of everything that is opened. */
  readonly tables: ReadonlySet<string>;
}

/** A b-tree and the columns that its records hold, in the order of the record. */
interface Btree {
  readonly name: string;
  readonly table: string;
  readonly columns: readonly (string | null)[];
}

interface Opcode {
  readonly opcode: string;
  readonly p1: number;
  readonly p2: number;
  readonly p3: number;
  readonly p4: string | null;
}

/** Maps root pages to what lies there; valid until the schema changes. */
export function btreesByRoot(connection: Connection): Map<number, Btree> {
  const rows = connection.all<{ name: string; tbl_name: string; type: string; rootpage: number }>(
    'SELECT name, tbl_name, type, rootpage FROM sqlite_schema WHERE rootpage > 0',
  );
  return new Map(
    rows.map((row) => [
      row.rootpage,
      {
        name: row.name,
        table: row.tbl_name,
        columns: row.type === 'index' ? indexColumns(connection, row.name) : tableColumns(connection, row.name),
      },
    ]),
  );
}

function indexColumns(connection: Connection, index: string): (string | null)[] {
  return connection
    .all<{ name: string | null }>('SELECT name FROM pragma_index_xinfo(?) ORDER BY seqno', [index])
    .map((row) => row.name);
}

function tableColumns(connection: Connection, table: string): (string | null)[] {
  const key = connection.value(
    `SELECT i.name FROM pragma_table_list t JOIN pragma_index_list(t.name) i
     WHERE t.schema = 'main' AND t.name = ? AND t.wr = 1 AND i.origin = 'pk'`,
    [table],
  );
  // The rows of a WITHOUT ROWID table lie in its primary key, in the order of that.
  if (typeof key === 'string') return indexColumns(connection, key);
  // Virtual generated columns (hidden = 2) are not stored.
  return connection
    .all<{ name: string }>('SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 2 ORDER BY cid', [table])
    .map((row) => row.name);
}

const keyed = /^(Seek(GE|GT|LE|LT)|Idx(GE|GT|LE|LT)|Found|NotFound|NoConflict)$/;

/** Reads the bytecode of a statement; it is prepared and never run. */
export function statementUse(
  connection: Connection,
  statement: { readonly sql: string; readonly values: SqlParameters },
  roots: ReadonlyMap<number, Btree>,
): StatementUse {
  const program = connection.prepare(`EXPLAIN ${statement.sql}`).all<Opcode>(bindable(statement.sql, statement.values));
  const columns = new Map<string, Set<string>>();
  const read = new Set<string>();
  const written = new Set<string>();
  const tables = new Set<string>();
  let cursors = new Map<number, Btree>();
  const use = (source: Btree | undefined, position: number): void => {
    const column = source?.columns[position];
    if (source === undefined || column === undefined || column === null) return;
    columns.set(source.table, (columns.get(source.table) ?? new Set()).add(column));
  };
  for (const { opcode, p1, p2, p3, p4 } of program) {
    // Each trigger and cascade is a program of its own, whose cursors are numbered from 0 again.
    if (opcode === 'Init') cursors = new Map();
    const btree = p3 === 0 && /^(OpenRead|OpenWrite|ReopenIdx)$/.test(opcode) ? roots.get(p2) : undefined;
    if (btree !== undefined) {
      cursors.set(p1, btree);
      tables.add(btree.table);
      (opcode === 'OpenWrite' ? written : read).add(btree.name);
    }
    if (opcode === 'Column') use(cursors.get(p1), p2);
    // A column that only leads into an index is compared there and never read: P4 is the number of such columns.
    if (keyed.test(opcode)) for (let position = 0; position < Number(p4); position++) use(cursors.get(p1), position);
  }
  return { columns, read, written, tables };
}
