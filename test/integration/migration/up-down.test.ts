import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rollBackMigrations } from '../../../src/core/migration/down.ts';
import { readMigrationState } from '../../../src/core/migration/state.ts';
import { applyMigrations, requireApplied } from '../../../src/core/migration/up.ts';
import { readObjects } from '../../../src/core/schema/introspect.ts';
import { testContext } from '../../support/context.ts';
import { migrationFixture, runSettings } from '../../support/migrations.ts';

const three = {
  '1_parent.sql':
    '-- migrate:up\nCREATE TABLE parent(id INTEGER PRIMARY KEY);\nINSERT INTO parent VALUES(1);\n-- migrate:down\nDROP TABLE parent;',
  '2_child.sql':
    '-- migrate:up\nCREATE TABLE child(id INTEGER PRIMARY KEY, p INT REFERENCES parent(id) ON DELETE CASCADE);\n-- migrate:down\nDROP TABLE child;',
  '3_rows.sql':
    '-- migrate:up\nINSERT INTO child VALUES(1, 1), (2, 1);\n-- migrate:verify\nSELECT 1 FROM child WHERE p IS NULL;\n-- migrate:down\nDELETE FROM child;',
};

const names = (connection: Parameters<typeof readObjects>[0]): string[] =>
  readObjects(connection).map((object) => object.name);

describe('up and down', () => {
  test('apply, to a version, by count, and back again from the history alone', async () => {
    const fixture = migrationFixture(three);
    const connection = await fixture.open();
    const up = (parts: object = {}) =>
      applyMigrations({ ...runSettings, connection, source: fixture.source, ...parts }, testContext());
    expect((await up({ to: '1' })).applied.map((file) => file.version)).toEqual(['1']);
    expect((await up({ steps: 1 })).applied.map((file) => file.version)).toEqual(['2']);
    const last = await up();
    expect(last.applied).toMatchObject([{ version: '3', statements: 1, rowsChanged: 2 }]);
    expect(last.pendingCount).toBe(0);
    expect((await up()).applied).toEqual([]);

    rmSync(join(fixture.directory, '3_rows.sql'));
    const down = await rollBackMigrations(
      { ...runSettings, connection, source: fixture.source, to: '0' },
      testContext(),
    );
    expect(down.failed).toBeNull();
    expect(down.rolledBack.map((file) => file.version)).toEqual(['3', '2', '1']);
    expect(names(connection)).toEqual(['tradedb_migrations']);
    expect(down.pendingCount).toBe(2);
    fixture.write('3_rows.sql', three['3_rows.sql']);
    expect((await up()).applied).toHaveLength(3);
  });

  test('atomic: everything or nothing', async () => {
    const fixture = migrationFixture({
      ...three,
      '4_bad.sql': 'CREATE TABLE x(a);\nINSERT INTO x VALUES(1);\nINSERT INTO nowhere VALUES(1);',
    });
    const connection = await fixture.open();
    const result = await applyMigrations(
      { ...runSettings, connection, source: fixture.source, atomic: true },
      testContext(),
    );
    expect(result.applied).toEqual([]);
    expect(result.failed).toMatchObject({ file: '4_bad.sql', line: 3, column: 1, code: 'migration_failed' });
    expect(names(connection)).toEqual([]);
    expect(() => requireApplied(result)).toThrow('4_bad.sql:3:1 no such table: nowhere');
  });

  test('per file: the failing one leaves nothing, the ones before stay', async () => {
    const fixture = migrationFixture({ ...three, '2_child.sql': 'CREATE TABLE child(a);\nCREATE TABLE child(b);' });
    const connection = await fixture.open();
    const result = await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(result.applied).toHaveLength(1);
    expect(result.pendingCount).toBe(2);
    expect(result.failed).toMatchObject({ version: '2', line: 2, reason: 'table child already exists' });
    expect(names(connection).sort()).toEqual(['parent', 'tradedb_migrations']);
  });

  test('a verification that finds a row rolls the file back', async () => {
    const fixture = migrationFixture({
      '1_x.sql':
        '-- migrate:up\nCREATE TABLE x(a);\nINSERT INTO x VALUES(7);\n-- migrate:verify\nSELECT a FROM x WHERE a > 5;',
    });
    const connection = await fixture.open();
    const result = await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(result.failed).toMatchObject({ line: 5, reason: 'verification found a row: {"a":7}' });
    expect(names(connection)).toEqual([]);
  });

  test('a verify section cannot write', async () => {
    const fixture = migrationFixture({
      '1_x.sql': '-- migrate:up\nCREATE TABLE x(a);\n-- migrate:verify\nDELETE FROM x RETURNING a;',
    });
    const connection = await fixture.open();
    const result = await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(result.failed?.reason).toBe('a verify statement must only select');
  });

  test('requires= names what must be there', async () => {
    const fixture = migrationFixture({ '5_x.sql': '-- migrate:up requires=4\nCREATE TABLE x(a);' });
    const connection = await fixture.open();
    const result = await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(result.conflicts).toMatchObject([
      { class: 'missing', version: '5', detail: '5_x.sql requires 4, which is not applied' },
    ]);
    fixture.write('4_y.sql', 'CREATE TABLE y(a);');
    expect(
      (await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext())).applied,
    ).toHaveLength(2);
  });

  test('no down section: refused before anything runs', async () => {
    const fixture = migrationFixture({
      '1_x.sql': 'CREATE TABLE x(a);',
      '2_y.sql': '-- migrate:up\nCREATE TABLE y(a);\n-- migrate:down\nDROP TABLE y;',
    });
    const connection = await fixture.open();
    await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    const down = rollBackMigrations({ ...runSettings, connection, source: fixture.source, steps: 2 }, testContext());
    await expect(down).rejects.toMatchObject({ code: 'migration_irreversible' });
    expect(names(connection)).toContain('y');
  });

  test('the connection of a caller gets its foreign key setting back', async () => {
    const fixture = migrationFixture(three);
    const connection = await fixture.open();
    connection.pragma('foreign_keys = ON');
    await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(connection.pragmaValue('foreign_keys')).toBe(1);
  });

  test('cancelling between statements rolls back and throws', async () => {
    const fixture = migrationFixture(three);
    const connection = await fixture.open();
    const abort = new AbortController();
    const run = applyMigrations(
      { ...runSettings, connection, source: fixture.source, onStatement: () => abort.abort() },
      testContext({ signal: abort.signal }),
    );
    await expect(run).rejects.toMatchObject({ code: 'cancelled' });
    expect(names(connection)).toEqual([]);
  });

  test('another table of the configured name is no history', async () => {
    const fixture = migrationFixture(three);
    const connection = await fixture.open();
    connection.exec('CREATE TABLE tradedb_migrations(id INTEGER)');
    expect(() => readMigrationState(connection, fixture.source)).toThrow('is no migration history of tradedb');
  });
});

describe('statements that must not run', () => {
  test.each([
    ['COMMIT', 'transaction control is not allowed in a migration'],
    ['END TRANSACTION', 'transaction control is not allowed in a migration'],
    ['ROLLBACK', 'transaction control is not allowed in a migration'],
    ['SAVEPOINT s', 'transaction control is not allowed in a migration'],
    ['VACUUM', 'VACUUM cannot run inside a transaction'],
    ["ATTACH 'x.db' AS x", 'ATTACH and DETACH cannot run inside a transaction'],
  ])('%s is refused and leaves nothing', async (sql, reason) => {
    const fixture = migrationFixture({ '1_x.sql': `CREATE TABLE x(a);\n${sql};` });
    const connection = await fixture.open();
    const result = await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(result.failed).toMatchObject({ line: 2, reason });
    expect(names(connection)).toEqual([]);
  });

  test.each([
    ['INSERT OR ROLLBACK INTO u VALUES(1);'],
    ["CREATE TRIGGER tr BEFORE INSERT ON u BEGIN SELECT RAISE(ROLLBACK, 'no'); END;\nINSERT INTO u VALUES(2);"],
  ])('%s ends the transaction: nothing runs behind it', async (sql) => {
    const fixture = migrationFixture({
      '1_x.sql': `CREATE TABLE u(a UNIQUE);\nINSERT INTO u VALUES(1);\n${sql}\nCREATE TABLE behind(a);`,
    });
    const connection = await fixture.open();
    const result = await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(result.failed?.reason).toContain('SQLite rolled the transaction back by itself');
    expect(names(connection)).toEqual([]);
    expect(connection.inTransaction).toBe(false);
  });
});
