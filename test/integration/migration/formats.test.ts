import { describe, expect, test } from 'vitest';
import { rollBackMigrations } from '../../../src/core/migration/down.ts';
import { resolveConflict } from '../../../src/core/migration/resolve.ts';
import { readMigrationState } from '../../../src/core/migration/state.ts';
import { readStatus } from '../../../src/core/migration/status.ts';
import { applyMigrations } from '../../../src/core/migration/up.ts';
import { testContext } from '../../support/context.ts';
import { migrationFixture, runSettings } from '../../support/migrations.ts';

const trigger = `CREATE TRIGGER tr AFTER INSERT ON a BEGIN
  UPDATE a SET x = CASE WHEN x > 1 THEN 1 ELSE x END;
END;`;

const forms: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  goose: {
    '00001_a.sql': '-- +goose Up\nCREATE TABLE a(x);\n\n-- +goose Down\nDROP TABLE a;\n',
    '00002_b.sql': `-- +goose Up\n-- +goose StatementBegin\n${trigger}\n-- +goose StatementEnd\n-- +goose Down\nDROP TRIGGER tr;`,
  },
  dbmate: {
    '20200101_a.sql': '-- migrate:up\nCREATE TABLE a(x);\n\n-- migrate:down\nDROP TABLE a;\n',
    '20200102_b.sql': `-- migrate:up foreign-keys:off\n${trigger}\n-- migrate:down\nDROP TRIGGER tr;`,
  },
  pairs: {
    '1_a.up.sql': 'CREATE TABLE a(x);',
    '1_a.down.sql': 'DROP TABLE a;',
    '2_b.up.sql': trigger,
    '2_b.down.sql': 'DROP TRIGGER tr;',
  },
  flyway: {
    'V1.1__a.sql': 'CREATE TABLE a(x);',
    'U1.1__a.sql': 'DROP TABLE a;',
    'V1_2__b.sql': `${trigger} SELECT '\${inside a literal}';`,
    'U1.2__b.sql': 'DROP TRIGGER tr;',
  },
};

describe('formats of other tools', () => {
  test.each(Object.keys(forms))('%s: up, status, down', async (form) => {
    const fixture = migrationFixture(forms[form]);
    const connection = await fixture.open();
    const up = await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(up).toMatchObject({ failed: null, conflicts: [], applied: [{ name: 'a' }, { name: 'b' }] });
    connection.exec('INSERT INTO a VALUES(7)');
    expect(connection.value('SELECT x FROM a')).toBe(1);
    expect(readStatus(connection, fixture.source, {}).migrations.map((row) => row.state)).toEqual([
      'applied',
      'applied',
    ]);
    const down = await rollBackMigrations(
      { ...runSettings, connection, source: fixture.source, to: '0' },
      testContext(),
    );
    expect(down.rolledBack).toHaveLength(2);
    expect(connection.all(`SELECT name FROM sqlite_schema WHERE name IN ('a', 'tr')`)).toEqual([]);
  });

  test('an edit of either half of a pair is noticed, and both halves get a new number', async () => {
    const fixture = migrationFixture(forms.pairs);
    const connection = await fixture.open();
    await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    fixture.write('1_a.down.sql', 'DROP TABLE IF EXISTS a;');
    expect(readMigrationState(connection, fixture.source).conflicts).toMatchObject([
      { class: 'edited', files: ['1_a.up.sql'] },
    ]);
    fixture.write('1_a.down.sql', 'DROP TABLE a;');
    fixture.write('0_late.up.sql', 'CREATE TABLE late(x);');
    fixture.write('0_late.down.sql', 'DROP TABLE late;');
    await resolveConflict(
      {
        ...runSettings,
        connection,
        source: fixture.source,
        version: '0',
        resolution: 'renumber',
        reason: 'x',
        user: 'y',
        dryRun: false,
      },
      testContext(),
    );
    expect(
      (await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext())).applied,
    ).toHaveLength(1);
    expect(
      (await rollBackMigrations({ ...runSettings, connection, source: fixture.source }, testContext())).failed,
    ).toBeNull();
  });

  test('a repeatable file runs behind the versions, and again when it has changed', async () => {
    const fixture = migrationFixture({
      'V2__t.sql': 'CREATE TABLE t(x);',
      'R__view.sql': 'DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT x FROM t;',
    });
    const connection = await fixture.open();
    const up = () => applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect((await up()).applied.map((file) => [file.version, file.kind])).toEqual([
      ['2', 'sql'],
      ['R__view', 'repeatable'],
    ]);
    expect((await up()).applied).toEqual([]);
    fixture.write('R__view.sql', 'DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT x + 1 AS x FROM t;');
    const state = readMigrationState(connection, fixture.source);
    expect([state.conflicts, state.pending.length, state.current]).toEqual([[], 1, '2']);
    expect((await up()).applied).toHaveLength(1);
    fixture.write('V3__u.sql', 'CREATE TABLE u(x);');
    expect((await up()).applied.map((file) => file.version)).toEqual(['3']);
    const down = await rollBackMigrations({ ...runSettings, connection, source: fixture.source }, testContext()).catch(
      (error: Error) => error,
    );
    expect(down).toMatchObject({ code: 'migration_irreversible' });
  });

  test.each([
    [{ '1_a.sql': '-- +goose Up\n-- +goose ENVSUB ON\nSELECT 1;' }, '1_a.sql:2: +goose ENVSUB ON is not supported'],
    [{ '1_a.sql': '-- +goose Down\nSELECT 1;' }, '1_a.sql has no "-- +goose Up"'],
    [{ '1_a.down.sql': 'SELECT 1;' }, '1_a.down.sql has no file for the way up'],
    [{ '1_a.up.sql': '-- migrate:up\nSELECT 1;', '1_a.down.sql': 'SELECT 1;' }, 'a file of a pair has no markers'],
    [{ 'V1__a.sql': `SELECT '\${fine}';\nSELECT \${name};` }, 'V1__a.sql:2: placeholders are not replaced'],
  ])('%j is refused', async (files, message) => {
    const fixture = migrationFixture(files as unknown as Record<string, string>);
    const connection = await fixture.open();
    const up = applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    await expect(up).rejects.toThrow(message);
    await expect(up).rejects.toMatchObject({ code: 'migration_invalid' });
  });
});
