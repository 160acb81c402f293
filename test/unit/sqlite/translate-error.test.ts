import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { TradedbError } from '../../../src/core/error.ts';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { errorClass, isBusy, sqliteCode, translateError } from '../../../src/core/sqlite/translate-error.ts';
import { testPorts } from '../../support/context.ts';

test.each([
  ['SQLITE_BUSY', 'database_locked', 'retryable'],
  ['SQLITE_BUSY_SNAPSHOT', 'database_locked', 'retryable'],
  ['SQLITE_BUSY_RECOVERY', 'database_locked', 'retryable'],
  ['SQLITE_LOCKED', 'database_locked', 'retryable'],
  ['SQLITE_CORRUPT', 'database_corrupt', 'corruption'],
  ['SQLITE_CORRUPT_VTAB', 'database_corrupt', 'corruption'],
  ['SQLITE_NOTADB', 'not_a_database', 'corruption'],
  ['SQLITE_FULL', 'disk_full', 'disk'],
  ['SQLITE_IOERR_WRITE', 'io_error', 'disk'],
  ['SQLITE_CANTOPEN', 'io_error', 'disk'],
  ['SQLITE_CONSTRAINT_UNIQUE', 'constraint_violation', 'constraint'],
  ['SQLITE_CONSTRAINT_FOREIGNKEY', 'constraint_violation', 'constraint'],
  ['SQLITE_READONLY', 'read_only', 'usage'],
  ['SQLITE_PERM', 'permission_denied', 'usage'],
  ['SQLITE_ERROR', 'sql_error', 'usage'],
  ['SQLITE_MISUSE', 'sql_error', 'usage'],
])('%s becomes %s, class %s', (sqlite, code, kind) => {
  const cause = new Database.SqliteError('as SQLite said it', sqlite);
  const error = translateError(cause, '/data/market.db');
  expect(error).toBeInstanceOf(TradedbError);
  expect(error).toMatchObject({ code, cause, details: { sqliteCode: sqlite, path: '/data/market.db' } });
  expect(errorClass(error)).toBe(kind);
  expect(sqliteCode(error)).toBe(sqlite);
  expect(isBusy(error)).toBe(sqlite.startsWith('SQLITE_BUSY'));
});

test('wrong use of the driver is translated, other errors pass through', () => {
  const connection = openMemory(testPorts);
  const code = (work: () => unknown): unknown => {
    try {
      return work();
    } catch (error) {
      return error instanceof TradedbError ? error.code : error;
    }
  };
  expect(code(() => connection.get('SELECT ?', []))).toBe('sql_error');
  expect(code(() => connection.get('SELECT ?', [1, 2]))).toBe('sql_error');
  expect(code(() => connection.get('SELECT :a', { b: 1 }))).toBe('sql_error');
  expect(code(() => connection.get('SELECT ?', [{} as never]))).toBe('sql_error');
  expect(code(() => connection.get('SELECT ?', [2n ** 70n]))).toBe('sql_error');
  expect(code(() => connection.all('CREATE TABLE t (x)'))).toBe('sql_error');
  expect(code(() => connection.run('SELECT 1; SELECT 2'))).toBe('sql_error');
  expect(code(() => connection.run(''))).toBe('sql_error');
  connection.close();
  expect(code(() => connection.get('SELECT 1'))).toBe('database_closed');
  expect(code(() => connection.tx(() => 1))).toBe('database_closed');
  const own = new Error('mine');
  expect(translateError(own, 'x')).toBe(own);
  expect(errorClass(own)).toBe('other');
  const foreign = new TypeError('undefined is not a function');
  expect(translateError(foreign, 'x')).toBe(foreign);
});
