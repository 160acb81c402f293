import Database from 'better-sqlite3';

export interface HalfEmptyOptions {
  readonly autoVacuum?: 0 | 1 | 2;
  readonly rows?: number;
  readonly journalMode?: 'wal' | 'delete';
  /** Share of the rows that are deleted. */
  readonly deleted?: number;
}

/** A database of which about half the pages are free. Closed when it returns. */
export function makeHalfEmptyDatabase(path: string, options: HalfEmptyOptions = {}): void {
  const { autoVacuum = 0, rows = 20_000, journalMode = 'wal', deleted = 0.5 } = options;
  const db = new Database(path);
  db.pragma(`auto_vacuum = ${autoVacuum}`);
  db.pragma(`journal_mode = ${journalMode}`);
  db.pragma('user_version = 42');
  db.pragma('application_id = 7');
  db.exec(
    'CREATE TABLE item (id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, body TEXT); CREATE INDEX item_symbol ON item(symbol)',
  );
  db.exec('CREATE TABLE "odd ""name" (a PRIMARY KEY, b) WITHOUT ROWID');
  db.prepare('INSERT INTO "odd ""name" VALUES (1, 2)').run();
  db.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     INSERT INTO item SELECT i, 'S' || (i % 97), hex(randomblob(100)) FROM n`,
  ).run(rows);
  db.prepare('DELETE FROM item WHERE id <= ?').run(Math.round(rows * deleted));
  db.close();
}

/** Everything in the database, for a comparison before and after. */
export function contentOf(path: string): string {
  const db = new Database(path, { readonly: true });
  try {
    const schema = db.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY name').all();
    const items = db.prepare('SELECT count(*) AS n, sum(id) AS ids, sum(length(body)) AS bytes FROM item').get();
    const odd = db.prepare('SELECT * FROM "odd ""name"').all();
    const pragma = (name: string) => db.pragma(name, { simple: true });
    return JSON.stringify({ schema, items, odd, version: pragma('user_version'), id: pragma('application_id') });
  } finally {
    db.close();
  }
}
