import Database from 'better-sqlite3';
import { createCountingDatabase } from './counting-database.ts';

/** Bytes from which on SQLite keeps its locks; the page that holds them is never used. */
export const lockByteOffset = 2 ** 30;

/**
 * A counting database in WAL mode that ends a few hundred kilobytes below 1 GiB: the next larger rows go beyond it. Its
 * pages are of 64 KiB and nearly all zeros, which makes it cheap.
 */
export function createLargeDatabase(path: string): void {
  createCountingDatabase(path, { pageSizeBytes: 65_536, rows: 300 });
  const db = new Database(path);
  db.pragma('journal_mode = OFF');
  db.pragma('synchronous = OFF');
  db.pragma('cache_size = 20');
  db.exec(`CREATE TABLE filler (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
    INSERT INTO filler (body) VALUES (zeroblob(500000000)), (zeroblob(500000000)), (zeroblob(73000000))`);
  db.pragma('journal_mode = WAL');
  db.close();
}
