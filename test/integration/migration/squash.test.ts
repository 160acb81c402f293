import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { userObjects } from '../../../src/core/migration/snapshot.ts';
import { planSquash } from '../../../src/core/migration/squash/squash.ts';
import { writeSquash } from '../../../src/core/migration/squash/write-files.ts';
import { readMigrationState } from '../../../src/core/migration/state.ts';
import { applyMigrations } from '../../../src/core/migration/up.ts';
import { diffObjects } from '../../../src/core/schema/diff.ts';
import { testContext } from '../../support/context.ts';
import { type MigrationFixture, migrationFixture, runSettings } from '../../support/migrations.ts';

const files = {
  '1_base.sql': `-- migrate:up
CREATE TABLE "odd ""name"(id INTEGER PRIMARY KEY AUTOINCREMENT, note TEXT DEFAULT 'it''s', n REAL, g AS (n * 2) STORED);
CREATE TABLE plain(a, b BLOB);
CREATE TABLE log(id INTEGER PRIMARY KEY, what TEXT) STRICT;
INSERT INTO "odd ""name"(id, note, n) VALUES(5, 'two
lines; -- migrate:down', 1e300), (9, '', -0.1);
DELETE FROM "odd ""name" WHERE id = 9;
-- migrate:down
SELECT 1;`,
  '2_more.sql': `-- migrate:up
INSERT INTO plain(rowid, a, b) VALUES(3, 1, x'0001ff'), (70, 1.0, NULL), (71, '1', '');
CREATE TABLE key(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO key VALUES('b', 1), ('a', 2);
CREATE INDEX by_n ON "odd ""name"(n DESC) WHERE note IS NOT NULL;
CREATE VIEW v AS SELECT id, n FROM "odd ""name";
CREATE VIEW w AS SELECT * FROM v;
CREATE TRIGGER t AFTER INSERT ON plain BEGIN INSERT INTO log(what) VALUES('inserted;'); END;
-- migrate:down
SELECT 1;`,
  '3_changes.sql': `-- migrate:up
INSERT INTO plain VALUES(4, 5);
ALTER TABLE key ADD COLUMN extra TEXT NOT NULL DEFAULT 'x';
-- migrate:down
SELECT 1;`,
};

async function up(fixture: MigrationFixture) {
  const connection = await fixture.open();
  const result = await applyMigrations({ connection, source: fixture.source, ...runSettings }, testContext());
  return { connection, result };
}

async function squash(fixture: MigrationFixture, to?: string) {
  const settings = { source: fixture.source, ...(to === undefined ? {} : { to }) };
  const plan = await planSquash(settings, testContext());
  writeSquash(plan, fixture.directory, join(fixture.folder, `archive-${plan.file}-${plan.replaces.length}`));
  return plan;
}

describe('squash', () => {
  test('one file does what three did: rows to the bit, objects, counters; the originals are kept', async () => {
    const original = migrationFixture(files);
    const { connection: before } = await up(original);
    const fresh = migrationFixture(files);
    const plan = await squash(fresh);
    expect(plan).toMatchObject({ equal: true, file: '3_squashed.sql' });
    expect(readdirSync(fresh.directory)).toEqual(['3_squashed.sql']);
    const archive = join(fresh.folder, 'archive-3_squashed.sql-3');
    expect(readdirSync(archive).sort()).toEqual(Object.keys(files).sort());
    expect(readFileSync(join(archive, '1_base.sql'), 'utf8')).toBe(files['1_base.sql']);
    const { connection: after, result } = await up(fresh);
    expect(result).toMatchObject({ failed: null, conflicts: [], pendingCount: 0 });
    expect(diffObjects(userObjects(before, 'tradedb_migrations'), userObjects(after, 'tradedb_migrations'))).toEqual(
      [],
    );
    for (const sql of [
      'SELECT rowid, a, typeof(a), quote(b) FROM plain ORDER BY rowid',
      'SELECT id, note, quote(n), quote(g) FROM "odd ""name"',
      'SELECT * FROM key ORDER BY k',
      'SELECT * FROM log',
      'SELECT * FROM sqlite_sequence ORDER BY name',
    ])
      expect(after.all(sql), sql).toEqual(before.all(sql));
  });

  test('a database that has all of them records it and runs nothing', async () => {
    const fixture = migrationFixture(files);
    const { connection } = await up(fixture);
    const rows = connection.all('SELECT * FROM log');
    await squash(fixture);
    const state = readMigrationState(connection, fixture.source);
    expect(state.conflicts).toEqual([]);
    expect(state.pending.map((file) => file.file)).toEqual(['3_squashed.sql']);
    const result = await applyMigrations({ connection, source: fixture.source, ...runSettings }, testContext());
    expect(result).toMatchObject({
      failed: null,
      pendingCount: 0,
      applied: [{ file: '3_squashed.sql', statements: 0 }],
    });
    expect(connection.value(`SELECT event FROM tradedb_migrations ORDER BY seq DESC LIMIT 1`)).toBe('squashed');
    expect(connection.all('SELECT * FROM log')).toEqual(rows);
    const again = await applyMigrations({ connection, source: fixture.source, ...runSettings }, testContext());
    expect(again).toMatchObject({ applied: [], conflicts: [], pendingCount: 0 });
    fixture.write('3_squashed.sql', `${readFileSync(join(fixture.directory, '3_squashed.sql'), 'utf8')}-- edited\n`);
    expect(readMigrationState(connection, fixture.source).conflicts).toHaveLength(1);
  });

  test('a database with some of them is refused, and later files may require a squashed version', async () => {
    const fixture = migrationFixture(files);
    const connection = await fixture.open();
    await applyMigrations({ connection, source: fixture.source, ...runSettings, steps: 2 }, testContext());
    await squash(fixture);
    const partly = await applyMigrations({ connection, source: fixture.source, ...runSettings }, testContext());
    expect(partly.applied).toEqual([]);
    expect(partly.conflicts).toMatchObject([{ class: 'missing', version: '3', files: ['3_squashed.sql'] }]);
    expect(partly.conflicts[0]?.detail).toContain('of which 2 are applied');
    const fresh = migrationFixture();
    fresh.write('3_squashed.sql', readFileSync(join(fixture.directory, '3_squashed.sql')));
    fresh.write('4_next.sql', '-- migrate:up requires=2\nCREATE TABLE next(a);\n-- migrate:down\nDROP TABLE next;');
    expect((await up(fresh)).result).toMatchObject({ conflicts: [], failed: null, pendingCount: 0 });
  });

  test('squashing a squashed file: databases of every generation take it', async () => {
    const old = migrationFixture({
      ...files,
      '4_next.sql': '-- migrate:up\nCREATE TABLE next(a);\n-- migrate:down\nDROP TABLE next;',
    });
    const { connection: oldest } = await up(old);
    await squash(old, '3');
    const { connection: young } = await up({ ...old, open: migrationFixture().open });
    expect(readMigrationState(young, old.source).pending).toEqual([]);
    await squash(old);
    expect(readdirSync(old.directory)).toEqual(['4_squashed.sql']);
    for (const connection of [oldest, young]) {
      const result = await applyMigrations({ connection, source: old.source, ...runSettings }, testContext());
      expect(result).toMatchObject({ conflicts: [], failed: null, applied: [{ statements: 0 }] });
    }
  });

  test('what cannot be proved equal is not written', async () => {
    const fixture = migrationFixture({
      '1_a.sql': `-- migrate:up\nCREATE VIRTUAL TABLE f USING fts5(x);\nINSERT INTO f VALUES('words');\n-- migrate:down\nDROP TABLE f;`,
      '2_b.sql': '-- migrate:up\nCREATE TABLE b(x);\n-- migrate:down\nDROP TABLE b;',
    });
    const plan = await planSquash({ source: fixture.source }, testContext());
    expect(plan.equal).toBe(false);
    expect(plan.tables.some((table) => !table.equal && table.name.startsWith('f_'))).toBe(true);
    expect(existsSync(join(fixture.directory, plan.file))).toBe(false);
  });
});
