import { readFileSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';

/** Adds a row to a counting database that lies in the WAL only, as after a crash of the application. */
export function addRowInWal(path: string): void {
  const db = new Database(path);
  db.pragma('wal_autocheckpoint = 0');
  db.exec("INSERT INTO entry (value, body) VALUES (9, 'x'); UPDATE counter SET n = n + 1, total = total + 9");
  const [database, wal] = [readFileSync(path), readFileSync(`${path}-wal`)];
  db.close();
  writeFileSync(path, database);
  writeFileSync(`${path}-wal`, wal);
}
