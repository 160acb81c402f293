import Database from 'better-sqlite3';

export interface SoundDatabaseOptions {
  readonly pageSize?: number;
  readonly encoding?: 'UTF-8' | 'UTF-16le' | 'UTF-16be';
  readonly autoVacuum?: 0 | 1 | 2;
  readonly journalMode?: 'wal' | 'delete';
  readonly rows?: number;
  /** Every so many rows, one is so long that it needs overflow pages. */
  readonly longEvery?: number;
  /** Share of the rows that are deleted again, so that the freelist is not empty. */
  readonly deleted?: number;
}

/** A database of all kinds of pages: tables, indexes, overflow chains, WITHOUT ROWID, free pages. Closed when it returns. */
export function makeSoundDatabase(path: string, options: SoundDatabaseOptions = {}): void {
  const {
    pageSize = 4096,
    encoding = 'UTF-8',
    autoVacuum = 0,
    journalMode = 'wal',
    rows = 400,
    longEvery = 17,
    deleted = 0.3,
  } = options;
  const db = new Database(path);
  db.pragma(`page_size = ${pageSize}`);
  db.pragma(`encoding = '${encoding}'`);
  db.pragma(`auto_vacuum = ${autoVacuum}`);
  db.pragma(`journal_mode = ${journalMode}`);
  db.exec(`
    CREATE TABLE trade (id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, qty INTEGER, price REAL, note TEXT, raw BLOB);
    CREATE INDEX trade_symbol ON trade(symbol, qty);
    CREATE TABLE setting (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE "odd ""name" (a, b);
  `);
  const trade = db.prepare('INSERT INTO trade (symbol, qty, price, note, raw) VALUES (?, ?, ?, ?, ?)');
  const setting = db.prepare('INSERT INTO setting VALUES (?, ?)');
  db.transaction(() => {
    for (let row = 0; row < rows; row++) {
      const long = row % longEvery === 0 ? letterOf(row).repeat(pageSize * 2 + row) : `note ${row} äöü`;
      trade.run(`SYM${row % 13}`, row * 1000 - 5000, row / 7, long, row % 5 === 0 ? Buffer.alloc(row % 90, row) : null);
      setting.run(`key ${row} ${'k'.repeat(row % 40)}`, row % 3 === 0 ? row : `value ${row}`);
    }
  })();
  if (deleted > 0) db.prepare('DELETE FROM trade WHERE id % 100 < ?').run(deleted * 100);
  db.close();
}

/** Neighbouring long rows have other letters, so that a page of the wrong one shows. */
function letterOf(row: number): string {
  return String.fromCharCode(97 + (row % 26));
}
