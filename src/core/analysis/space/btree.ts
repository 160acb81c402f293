import type { Connection } from '../../sqlite/connection.ts';

export type BtreeKind = 'table' | 'index' | 'schema';

/** One tree of pages in the file: a table, an index (also an automatic one), or the schema table itself. */
export interface Btree {
  readonly name: string;
  readonly kind: BtreeKind;
  /** The table it belongs to. */
  readonly table: string;
  /** Entries lie in the inner pages too: every index, and a WITHOUT ROWID table. */
  readonly keyed: boolean;
}

/** Every b-tree of the file. Views, triggers and virtual tables have none (their shadow tables do). */
export function listBtrees(connection: Connection): Btree[] {
  const withoutRowid = new Set(
    connection
      .all<{ name: string }>("SELECT name FROM pragma_table_list WHERE schema = 'main' AND wr = 1")
      .map((row) => row.name),
  );
  const rows = connection.all<{ name: string; type: string; tbl_name: string }>(
    'SELECT name, type, tbl_name FROM sqlite_schema WHERE rootpage > 0 ORDER BY rowid',
  );
  return [
    { name: 'sqlite_schema', kind: 'schema', table: 'sqlite_schema', keyed: false },
    ...rows.map((row): Btree => {
      const kind = row.type === 'index' ? 'index' : 'table';
      return { name: row.name, kind, table: row.tbl_name, keyed: kind === 'index' || withoutRowid.has(row.name) };
    }),
  ];
}
