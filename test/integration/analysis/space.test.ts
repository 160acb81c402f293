import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { measureSpace, type SpaceRequest } from '../../../src/core/analysis/space/measure-space.ts';
import { testContext } from '../../support/context.ts';
import { folderState } from '../../support/folder-state.ts';
import { buildHistory, histories } from '../../support/space-histories.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function space(path: string, parts: Partial<SpaceRequest> = {}) {
  const request = { path, pages: true, consistent: false, reclaimWarning: 0.2, busyTimeoutMs: 300, ...parts };
  return measureSpace(request, testContext());
}

function database(sql: string, name = 'a.db'): string {
  const path = join(temporaryFolder(), name);
  const db = new Database(path);
  db.exec(sql);
  db.close();
  return path;
}

const odd = `
  CREATE TABLE "select"(id INTEGER PRIMARY KEY, v TEXT);
  CREATE TABLE "qu""ote 'x' %s"(a, b);
  CREATE INDEX "idx; drop" ON "qu""ote 'x' %s"(a);
  CREATE TABLE "größe 表"(a TEXT PRIMARY KEY, b) WITHOUT ROWID;
  CREATE VIRTUAL TABLE search USING fts5(body);
  CREATE VIEW v AS SELECT * FROM "select";
  CREATE TABLE uniq(a UNIQUE);
  INSERT INTO "select"(v) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT hex(i) FROM n;
  INSERT INTO "größe 表" SELECT id, v FROM "select";
  INSERT INTO search SELECT v FROM "select"`;

describe('space', () => {
  test('every page of the file is counted once', () => {
    const { data } = space(database(odd));
    const counted = data.objects.reduce((sum, object) => sum + object.sizeBytes, 0);
    expect(counted + data.freelistBytes).toBe(data.fileBytes);
    expect(data.objects.map((object) => object.name)).toEqual(
      expect.arrayContaining([
        'select',
        "qu\"ote 'x' %s",
        'idx; drop',
        'größe 表',
        'search_data',
        'sqlite_autoindex_uniq_1',
      ]),
    );
    expect(data.objects.map((object) => object.name)).not.toContain('search');
  });

  test.each([1, 2])('pointer-map pages of auto_vacuum %i complete the sum', (autoVacuum) => {
    const path = join(temporaryFolder(), 'a.db');
    buildHistory(path, histories['every third row deleted'] as never, { autoVacuum, pageBytes: 512 });
    const { data } = space(path);
    const counted = data.objects.reduce((sum, object) => sum + object.sizeBytes, 0);
    expect(counted + data.freelistBytes + data.pointerMapBytes).toBe(data.fileBytes);
  });

  test('rows are told for tables, indexes and tables without rowid', () => {
    const { data } = space(database(`${odd}; CREATE INDEX iv ON "select"(v)`));
    const entries = Object.fromEntries(data.objects.map((object) => [object.name, object.entries]));
    expect(entries).toMatchObject({ select: 3000, 'größe 表': 3000, iv: 3000, uniq: 0 });
  });

  test('depth, gaps and overflow tell how a table was filled', () => {
    const folder = temporaryFolder();
    buildHistory(join(folder, 'appended.db'), histories['appended only'] as never);
    buildHistory(join(folder, 'random.db'), histories['random order'] as never);
    buildHistory(join(folder, 'overflow.db'), histories['rows on overflow pages'] as never);
    const object = (name: string, index: string) =>
      space(join(folder, name)).data.objects.find((one) => one.name === index);
    expect(object('appended.db', 'ia')?.leafGapShare).toBeGreaterThan(0);
    expect(object('random.db', 'ia')?.leafGapShare).toBeGreaterThan(0.9);
    expect(object('random.db', 't')?.depth).toBe(2);
    expect(object('overflow.db', 't')?.overflowPages).toBeGreaterThan(1000);
  });

  test('totals only: the same sizes without shape', () => {
    const path = database(odd);
    const full = space(path).data.objects;
    const totals = space(path, { pages: false }).data.objects;
    expect(totals.map((one) => [one.name, one.pages, one.unusedBytes])).toEqual(
      full.map((one) => [one.name, one.pages, one.unusedBytes]),
    );
    expect(totals.every((one) => one.depth === null)).toBe(true);
  });

  test('one table brings its indexes; an unknown name is a usage error', () => {
    const path = database(odd);
    const names = space(path, { object: 'UNIQ' }).data.objects.map((object) => object.name);
    expect(names.sort()).toEqual(['sqlite_autoindex_uniq_1', 'uniq']);
    expect(() => space(path, { object: 'nothing' })).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  test('much free space is a warning', () => {
    const path = database(`${odd}; DROP TABLE search; DELETE FROM "größe 表"`);
    expect(space(path).findings.map((finding) => finding.id)).toEqual(['space.reclaimable']);
    expect(space(database(odd)).findings).toEqual([]);
  });

  test('a database that another connection writes is measured and left as it is', () => {
    const path = database(`PRAGMA journal_mode = WAL; ${odd}`);
    const writer = new Database(path);
    writer.exec(`BEGIN IMMEDIATE; INSERT INTO uniq VALUES (1)`);
    expect(space(path).data.objects.find((one) => one.name === 'uniq')?.entries).toBe(0);
    writer.exec('COMMIT');
    expect(space(path).data.objects.find((one) => one.name === 'uniq')?.entries).toBe(1);
    writer.close();
    const before = folderState(join(path, '..'));
    space(path);
    expect(folderState(join(path, '..'))).toEqual(before);
  });

  test('a locked rollback-journal database is reported as locked', () => {
    const path = database(odd);
    const writer = new Database(path);
    writer.exec('BEGIN EXCLUSIVE');
    expect(() => space(path)).toThrow(expect.objectContaining({ code: 'database_locked' }));
    writer.close();
  });

  test('what is no database has its own error', () => {
    const folder = temporaryFolder();
    writeFileSync(
      join(folder, 'text'),
      'no database at all, only text that is long enough to be looked at\n'.repeat(20),
    );
    writeFileSync(join(folder, 'empty'), '');
    mkdirSync(join(folder, 'folder'));
    const code = (name: string): string => {
      try {
        space(join(folder, name));
        return 'none';
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(['text', 'empty', 'folder', 'missing'].map(code)).toEqual([
      'not_a_database',
      'database_empty',
      'not_a_database',
      'database_not_found',
    ]);
  });
});
