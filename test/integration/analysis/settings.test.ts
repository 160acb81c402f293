import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { EngineFacts } from '../../../src/core/analysis/settings/engine-advice.ts';
import { examineSettings } from '../../../src/core/analysis/settings/examine-settings.ts';
import { testContext } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function examine(sql: string, engine: EngineFacts | null = null) {
  const path = join(temporaryFolder(), 'a.db');
  const db = new Database(path);
  db.exec(sql);
  db.close();
  return examineSettings({ path, engine, busyTimeoutMs: 300 }, testContext());
}

const rows = (count: number): string =>
  `INSERT INTO t(a, b) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT i % 7, i FROM n`;
const schema = 'PRAGMA journal_mode = WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, a, b); CREATE INDEX ia ON t(a)';
const ids = (found: ReturnType<typeof examine>): string[] => found.findings.map((finding) => finding.id);

describe('statistics', () => {
  test('fresh ones give no advice', () => {
    const found = examine(`${schema}; ${rows(500)}; ANALYZE`);
    expect(found.findings).toEqual([]);
    expect(found.data.statistics).toMatchObject([{ table: 't', statRows: 500, actualRows: 500, state: 'current' }]);
  });

  test('missing ones are reported for tables with indexes and rows', () => {
    expect(ids(examine(`${schema}; ${rows(500)}`))).toEqual(['statistics.missing']);
    expect(ids(examine(`${schema}; ${rows(50)}`))).toEqual([]);
    expect(
      ids(examine(`PRAGMA journal_mode = WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, a, b); ${rows(500)}`)),
    ).toEqual([]);
  });

  test('grown and shrunk tables are stale from a factor of two on', () => {
    expect(ids(examine(`${schema}; ${rows(200)}; ANALYZE; ${rows(150)}`))).toEqual([]);
    const grown = examine(`${schema}; ${rows(200)}; ANALYZE; ${rows(300)}`);
    expect(grown.findings[0]).toMatchObject({
      id: 'statistics.stale',
      subject: 't',
      message: '200 rows at the last ANALYZE, 500 now',
    });
    expect(ids(examine(`${schema}; ${rows(500)}; ANALYZE; DELETE FROM t WHERE id > 100`))).toEqual([
      'statistics.stale',
    ]);
  });

  test('an index that is younger than the statistics is named', () => {
    const found = examine(`${schema}; ${rows(500)}; ANALYZE; CREATE INDEX "my idx" ON t(b)`);
    expect(found.findings[0]).toMatchObject({
      id: 'statistics.incomplete',
      message: 'made after the last ANALYZE: my idx',
    });
  });

  test('a partial index does not make its table look small, nor a table without rowid look unanalysed', () => {
    const partial = examine(`${schema}; CREATE INDEX p ON t(b) WHERE b < 10; ${rows(500)}; ANALYZE`);
    expect(partial.findings).toEqual([]);
    const keyed = examine(
      `PRAGMA journal_mode = WAL; CREATE TABLE t(id INTEGER, a, b PRIMARY KEY) WITHOUT ROWID; CREATE INDEX ia ON t(a); ${rows(500)}; ANALYZE`,
    );
    expect(keyed.findings).toEqual([]);
  });
});

describe('settings', () => {
  test('the file is described', () => {
    const { data } = examine(
      `PRAGMA auto_vacuum = 2; ${schema}; PRAGMA user_version = 7; CREATE VIEW v AS SELECT 1;
       CREATE TABLE c(x REFERENCES t(id), y REFERENCES t(id)); CREATE VIRTUAL TABLE f USING fts5(z)`,
    );
    expect(data.file).toMatchObject({
      journalMode: 'wal',
      autoVacuum: 'incremental',
      userVersion: 7,
      views: 1,
      virtualTables: 1,
      foreignKeys: 2,
      hasStatistics: false,
    });
  });

  test('rollback journal and large pages are told, foreign keys without a known engine too', () => {
    const found = examine('PRAGMA page_size = 8192; CREATE TABLE t(id INTEGER PRIMARY KEY, p REFERENCES t(id))');
    expect(ids(found)).toEqual(['settings.journal-mode', 'settings.page-size', 'settings.foreign-keys']);
    expect(found.findings.every((finding) => finding.severity === 'info')).toBe(true);
  });

  const engine = (pragmas: Record<string, string>, sqliteVersion = '3.54.1'): EngineFacts => ({
    name: 'bot',
    sqliteVersion,
    stat4: false,
    pragmas,
  });
  const withKeys = `${schema}; CREATE TABLE c(x REFERENCES t(id))`;

  test('an engine is judged by its own settings', () => {
    const bad = engine(
      { foreign_keys: '0', busy_timeout: '0', synchronous: '0', wal_autocheckpoint: '1000' },
      '3.40.1',
    );
    expect(ids(examine(withKeys, bad))).toEqual([
      'settings.wal-reset',
      'settings.foreign-keys-off',
      'settings.busy-timeout',
      'settings.synchronous-off',
      'settings.wal-autocheckpoint',
    ]);
    const good = engine({
      foreign_keys: '1',
      busy_timeout: '5000',
      synchronous: '1',
      wal_autocheckpoint: '10000',
      mmap_size: '268435456',
    });
    expect(ids(examine(withKeys, good))).toEqual([]);
  });

  test('full durability is never advised away, cache and temp_store get no advice', () => {
    const found = examine(
      withKeys,
      engine({ synchronous: '2', cache_size: '-2000', temp_store: '0', foreign_keys: '1' }),
    );
    expect(found.findings).toEqual([]);
  });

  test.each([
    ['3.51.2', true],
    ['3.51.3', false],
    ['3.7.17', true],
    ['3.100.0', false],
    ['4.0.0', false],
  ])('SQLite %s has the WAL-reset fault: %s', (version, expected) => {
    expect(ids(examine(schema, engine({}, version))).includes('settings.wal-reset')).toBe(expected);
  });
});
