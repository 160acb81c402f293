import Database from 'better-sqlite3';
import fc from 'fast-check';
import { leaveWal } from './database-damage.ts';
import { makeSoundDatabase, type SoundDatabaseOptions } from './sound-database.ts';

/** What happens to a random sound database after it was made. */
const steps = [
  "UPDATE trade SET note = note || '+', raw = randomblob(id % 3000) WHERE id % 7 = 0",
  'DELETE FROM trade WHERE id % 3 = 0',
  'DELETE FROM trade',
  'DELETE FROM setting WHERE length(name) % 2 = 0',
  'INSERT INTO trade (symbol, qty, note) SELECT symbol, qty, hex(randomblob(700)) FROM trade LIMIT 90',
  'ALTER TABLE trade ADD COLUMN added TEXT DEFAULT NULL',
  'CREATE TABLE IF NOT EXISTS "a ""b""\n; c" (x PRIMARY KEY, y UNIQUE) WITHOUT ROWID -- tail (x)',
  'CREATE TABLE IF NOT EXISTS plain (x) /* without rowid */',
  'CREATE VIEW IF NOT EXISTS seen AS SELECT * FROM trade',
  'CREATE TRIGGER IF NOT EXISTS noted AFTER DELETE ON setting BEGIN SELECT 1; END',
  'CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(body)',
  'INSERT INTO "odd ""name" SELECT randomblob(abs(random()) % 9000), \'x\' FROM trade LIMIT 20',
  'DROP INDEX IF EXISTS trade_symbol',
  'CREATE INDEX IF NOT EXISTS trade_note ON trade(note)',
  'DROP TABLE IF EXISTS trade_old',
  'CREATE TABLE IF NOT EXISTS trade_old AS SELECT * FROM trade',
  'PRAGMA incremental_vacuum(5)',
  'VACUUM',
  'ANALYZE',
] as const;

export interface RandomDatabase {
  readonly options: SoundDatabaseOptions;
  readonly steps: readonly string[];
  readonly leftOver: boolean;
}

export const randomDatabase: fc.Arbitrary<RandomDatabase> = fc.record({
  options: fc.record({
    pageSize: fc.constantFrom(512, 1024, 2048, 4096, 8192, 16384, 32768, 65536),
    encoding: fc.constantFrom('UTF-8', 'UTF-16le', 'UTF-16be'),
    autoVacuum: fc.constantFrom(0, 1, 2),
    journalMode: fc.constantFrom('wal', 'delete'),
    rows: fc.integer({ min: 0, max: 160 }),
    deleted: fc.constantFrom(0, 0.3, 0.9),
  }),
  steps: fc.uniqueArray(fc.constantFrom(...steps), { maxLength: 7 }),
  leftOver: fc.boolean(),
}) as fc.Arbitrary<RandomDatabase>;

/** Builds it at `path`; a left-over WAL stays when the shape asks for one. */
export function buildRandomDatabase(path: string, shape: RandomDatabase): void {
  if (shape.leftOver && shape.options.journalMode === 'wal') {
    leaveWal(path, shape.options);
    return;
  }
  makeSoundDatabase(path, shape.options);
  const db = new Database(path);
  for (const step of shape.steps) db.exec(step);
  db.close();
}
