import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Clock } from '../../src/core/context.ts';
import { openDatabase, type TradingDatabase } from '../../src/core/sqlite/trading-database.ts';
import { resolveOptions, type TradingDatabaseOptions } from '../../src/library/options.ts';
import { testPorts } from './context.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A fresh database with a small table; it is closed when the test ends. */
export function testDatabase(options: TradingDatabaseOptions & { path?: string; clock?: Clock } = {}): TradingDatabase {
  const { path = join(temporaryFolder(), 'market.db'), clock = testPorts.clock, ...rest } = options;
  const { section, pageSizeBytes } = resolveOptions({ durability: 'normal', ...rest });
  const database = openDatabase(path, {
    section,
    pageSizeBytes,
    create: true,
    hooks: rest.hooks ?? [],
    ...(rest.onHookError === undefined ? {} : { onHookError: rest.onHookError }),
    clock,
    random: testPorts.random,
  });
  onTestFinished(() => database.close());
  database.tx((t) =>
    t.exec('CREATE TABLE IF NOT EXISTS fills (id INTEGER PRIMARY KEY, note TEXT UNIQUE, qty INTEGER)'),
  );
  return database;
}

export const insertFill = 'INSERT INTO fills (note, qty) VALUES (?, ?)';

export const notes = (database: TradingDatabase): unknown[] =>
  database
    .query('SELECT note FROM fills ORDER BY id')
    .all<{ note: string }>()
    .map(({ note }) => note);

/** Rows from 1 to `count`, made by SQLite without a table. */
export const countTo = (count: number): string =>
  `WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ${count}) SELECT x FROM c`;

/** A statement that yields its only row after it counted to `count`: about 100 ns for each. */
export const sumTo = (count: number): string =>
  countTo(count).replace('SELECT x FROM c', 'SELECT count(*) AS n FROM c');
