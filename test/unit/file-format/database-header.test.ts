import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import {
  databaseHeaderProblem,
  lockBytePage,
  parseDatabaseHeader,
} from '../../../src/core/file-format/database-header.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { pageSizes } from '../../support/wal-database.ts';

function headerOf(setUp: (db: Database.Database) => void): Uint8Array {
  const path = join(temporaryFolder(), 'a.db');
  const db = new Database(path);
  setUp(db);
  db.close();
  return new Uint8Array(readFileSync(path));
}

describe('database header', () => {
  test.each(pageSizes)('page size %i is read', (size) => {
    const bytes = headerOf((db) => {
      db.pragma(`page_size = ${size}`);
      db.exec('CREATE TABLE a (b); CREATE INDEX c ON a (b)');
    });
    const header = parseDatabaseHeader(bytes);
    expect(header).toMatchObject({
      pageSizeBytes: size,
      pageCount: bytes.length / size,
      pageCountValid: true,
      writeVersion: 1,
      readVersion: 1,
      textEncoding: 'utf8',
      largestRootPage: 0,
      sqliteVersionNumber: 3_054_001,
    });
  });

  test('every field that a pragma sets comes back', () => {
    const bytes = headerOf((db) => {
      db.pragma('auto_vacuum = INCREMENTAL');
      db.pragma("encoding = 'UTF-16be'");
      db.pragma('journal_mode = WAL');
      db.pragma('user_version = -7');
      db.pragma('application_id = 123456789');
      db.exec('CREATE TABLE a (b BLOB); INSERT INTO a VALUES (zeroblob(50000)); DELETE FROM a; CREATE TABLE c (d)');
    });
    const header = parseDatabaseHeader(bytes);
    expect(header).toMatchObject({
      writeVersion: 2,
      readVersion: 2,
      textEncoding: 'utf16be',
      userVersion: -7,
      applicationId: 123_456_789,
      incrementalVacuum: true,
      schemaCookie: 2,
      schemaFormat: 4,
    });
    expect(header?.freelistPages).toBeGreaterThan(5);
    expect(header?.firstFreelistTrunk).toBeGreaterThan(1);
    expect(header?.largestRootPage).toBeGreaterThan(1);
  });

  test('what is no header is told apart', () => {
    const bytes = headerOf((db) => db.exec('CREATE TABLE a (b)'));
    const damaged = (offset: number, value: number): Uint8Array => {
      const copy = bytes.slice();
      copy[offset] = value;
      return copy;
    };
    expect(databaseHeaderProblem(bytes)).toBeUndefined();
    expect(databaseHeaderProblem(bytes.subarray(0, 99))).toBe('short');
    expect(databaseHeaderProblem(damaged(3, 0))).toBe('magic');
    expect(databaseHeaderProblem(damaged(16, 0x11))).toBe('page-size');
    expect(databaseHeaderProblem(damaged(22, 33))).toBe('payload-fractions');
    expect(databaseHeaderProblem(damaged(19, 9))).toBe('versions');
    expect(parseDatabaseHeader(damaged(3, 0))).toBeUndefined();
  });

  test('the lock-byte page lies at one gibibyte', () => {
    expect(lockBytePage(4096)).toBe(262_145);
    expect(lockBytePage(65_536)).toBe(16_385);
  });
});
