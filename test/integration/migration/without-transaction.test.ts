import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rollBackMigrations } from '../../../src/core/migration/down.ts';
import { readMigrationState } from '../../../src/core/migration/state.ts';
import { applyMigrations } from '../../../src/core/migration/up.ts';
import { testContext } from '../../support/context.ts';
import { migrationFixture, runSettings } from '../../support/migrations.ts';

const events = (connection: { all(sql: string): unknown[] }) =>
  connection.all('SELECT version, event, progress FROM tradedb_migrations ORDER BY seq');

describe('a file without a transaction', () => {
  test.each([
    [
      'our marker',
      '1_a.sql',
      '-- migrate:up transaction=false\nCREATE TABLE t(x);\nVACUUM;\nINSERT INTO t VALUES(1);\n-- migrate:down transaction=false\nDROP TABLE t;\nVACUUM;',
    ],
    [
      'dbmate',
      '1_a.sql',
      '-- migrate:up transaction:false\nCREATE TABLE t(x);\nVACUUM;\nINSERT INTO t VALUES(1);\n-- migrate:down transaction:false\nDROP TABLE t;\nVACUUM;',
    ],
    [
      'goose',
      '1_a.sql',
      '-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE t(x);\nVACUUM;\nINSERT INTO t VALUES(1);\n-- +goose Down\nDROP TABLE t;\nVACUUM;',
    ],
    [
      'knex',
      '1_a.mjs',
      `export const config = { transaction: false };
export async function up(knex) { await knex.schema.createTable('t', (t) => t.integer('x')); await knex.raw('VACUUM'); await knex('t').insert({ x: 1 }); }
export async function down(knex) { await knex.schema.dropTable('t'); await knex.raw('VACUUM'); }`,
    ],
  ])('%s: VACUUM runs, up and down', async (_, file, text) => {
    const fixture = migrationFixture({ [file]: text });
    const connection = await fixture.open();
    const settings = { ...runSettings, connection, source: fixture.source };
    expect(await applyMigrations(settings, testContext())).toMatchObject({ failed: null, pendingCount: 0 });
    expect(connection.value('SELECT count(*) FROM t')).toBe(1);
    expect(events(connection)).toEqual([
      { version: '1', event: 'started', progress: null },
      { version: '1', event: 'applied', progress: null },
    ]);
    expect(await rollBackMigrations(settings, testContext())).toMatchObject({ failed: null });
    expect(connection.value(`SELECT count(*) FROM sqlite_schema WHERE name = 't'`)).toBe(0);
    expect(readMigrationState(connection, fixture.source).pending).toHaveLength(1);
  });

  test('a failing statement leaves what ran before; the corrected file goes on behind it', async () => {
    const text = (last: string) =>
      `-- migrate:up transaction=false\nCREATE TABLE t(x);\nINSERT INTO t VALUES(1);\n${last};\n`;
    const fixture = migrationFixture({ '1_a.sql': text('INSERT INTO gone VALUES(1)') });
    const connection = await fixture.open();
    const settings = { ...runSettings, connection, source: fixture.source };
    const failed = await applyMigrations(settings, testContext());
    expect(failed.failed).toMatchObject({ code: 'migration_interrupted', line: 4 });
    expect(failed.failed?.hint).toContain('resolve 1 --abort');
    expect(readMigrationState(connection, fixture.source).conflicts).toMatchObject([{ class: 'interrupted' }]);
    fixture.write('1_a.sql', text('INSERT INTO t VALUES(2)').replace('VALUES(1)', 'VALUES(7)'));
    const edited = await applyMigrations(settings, testContext());
    expect(edited.failed?.reason).toContain('changed in its first 2 statements');
    fixture.write('1_a.sql', text('INSERT INTO t VALUES(2)'));
    expect(await applyMigrations(settings, testContext())).toMatchObject({ failed: null, pendingCount: 0 });
    expect(connection.all('SELECT x FROM t ORDER BY x')).toEqual([{ x: 1 }, { x: 2 }]);
  });

  test('a first statement that fails leaves nothing open', async () => {
    const fixture = migrationFixture({
      '1_a.sql': '-- migrate:up transaction=false\nINSERT INTO gone VALUES(1);\nVACUUM;',
    });
    const connection = await fixture.open();
    const settings = { ...runSettings, connection, source: fixture.source };
    expect((await applyMigrations(settings, testContext())).failed).toMatchObject({
      code: 'migration_failed',
      line: 2,
    });
    expect(readMigrationState(connection, fixture.source).conflicts).toEqual([]);
  });

  test('ATTACH is repeated when the process that did it is gone, and ends with the file', async () => {
    const fixture = migrationFixture();
    const other = join(fixture.folder, 'other.db').replaceAll("'", "''");
    fixture.write(
      '1_a.sql',
      `-- migrate:up transaction=false\nATTACH '${other}' AS o;\nCREATE TABLE o.x(y);\nINSERT INTO gone VALUES(1);`,
    );
    const first = await fixture.open();
    expect(
      (await applyMigrations({ ...runSettings, connection: first, source: fixture.source }, testContext())).failed,
    ).not.toBeNull();
    first.close();
    fixture.write(
      '1_a.sql',
      `-- migrate:up transaction=false\nATTACH '${other}' AS o;\nCREATE TABLE o.x(y);\nINSERT INTO o.x VALUES(1);`,
    );
    const second = await fixture.open();
    expect(
      await applyMigrations({ ...runSettings, connection: second, source: fixture.source }, testContext()),
    ).toMatchObject({ failed: null });
    expect(second.pragma('database_list')).toHaveLength(1);
  });
});
