import type Database from 'better-sqlite3';

/** One column of a foreign table, with the first and the last release that has it. */
export interface ForeignColumn {
  readonly name: string;
  readonly type: string;
  readonly since?: number;
  readonly until?: number;
}

export interface ForeignTable {
  readonly name: string;
  readonly columns: readonly ForeignColumn[];
  readonly constraints?: readonly string[];
  /** Statements with the names of the indexes of the bot. */
  readonly indexes?: readonly string[];
  readonly since?: number;
  readonly until?: number;
}

export type ForeignRow = Readonly<Record<string, string | number | bigint | null | Uint8Array>>;

/** Short notation: `name TYPE`, one a line; `@since` and `-until` behind it. */
export function columnsOf(text: string): ForeignColumn[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const match = /^\s*(\S+)\s+(.*?)(?:\s+@(\d+))?(?:\s+-(\d+))?\s*$/.exec(line);
      if (match?.[1] === undefined || match[2] === undefined) throw new Error(`not a column: ${line}`);
      return {
        name: match[1],
        type: match[2],
        ...(match[3] === undefined ? {} : { since: Number(match[3]) }),
        ...(match[4] === undefined ? {} : { until: Number(match[4]) }),
      };
    });
}

const within = (part: { readonly since?: number; readonly until?: number }, release: number): boolean =>
  release >= (part.since ?? 0) && release <= (part.until ?? Number.MAX_SAFE_INTEGER);

export function columnsAt(table: ForeignTable, release: number): ForeignColumn[] {
  return table.columns.filter((column) => within(column, release));
}

const quoted = (name: string): string => `"${name}"`;

/** Makes the tables that `release` has. */
export function createTables(db: Database.Database, tables: readonly ForeignTable[], release: number): void {
  for (const table of tables) {
    if (!within(table, release)) continue;
    const columns = columnsAt(table, release).map((column) => `${quoted(column.name)} ${column.type}`);
    db.exec(`CREATE TABLE ${quoted(table.name)} (${[...columns, ...(table.constraints ?? [])].join(', ')})`);
    for (const index of table.indexes ?? []) db.exec(index);
  }
}

/** Writes rows of a table; fields that the release does not have are left out, as that release would. */
export function rowWriter(db: Database.Database, table: ForeignTable, release: number): (row: ForeignRow) => void {
  if (!within(table, release)) return () => {};
  const names = columnsAt(table, release).map((column) => column.name);
  const insert = db.prepare(
    `INSERT INTO ${quoted(table.name)} (${names.map(quoted).join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
  );
  return (row) => {
    insert.run(names.map((name) => row[name] ?? null));
  };
}
