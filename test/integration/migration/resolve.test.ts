import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { recordBaseline } from '../../../src/core/migration/baseline.ts';
import { findDrift } from '../../../src/core/migration/drift.ts';
import { compareDump, dumpSchema } from '../../../src/core/migration/dump.ts';
import { HistoryTable } from '../../../src/core/migration/history.ts';
import { importHistory } from '../../../src/core/migration/history-import.ts';
import { type Resolution, resolveConflict } from '../../../src/core/migration/resolve.ts';
import { readMigrationState } from '../../../src/core/migration/state.ts';
import { readStatus } from '../../../src/core/migration/status.ts';
import { applyMigrations } from '../../../src/core/migration/up.ts';
import { verifyApplied } from '../../../src/core/migration/verify-applied.ts';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { testContext, testPorts } from '../../support/context.ts';
import { migrationFixture, runSettings } from '../../support/migrations.ts';

const files = {
  '1_a.sql':
    '-- migrate:up\nCREATE TABLE a(x INTEGER);\n-- migrate:verify\nSELECT x FROM a WHERE x < 0;\n-- migrate:down\nDROP TABLE a;',
  '2_b.sql': '-- migrate:up\nCREATE TABLE b(y);\nCREATE INDEX b_y ON b(y);\n-- migrate:down\nDROP TABLE b;',
};

async function applied(more: Record<string, string> = {}) {
  const fixture = migrationFixture({ ...files, ...more });
  const connection = await fixture.open();
  const up = () => applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
  await up();
  const resolve = (version: string, resolution: Resolution, file?: string) =>
    resolveConflict(
      {
        ...runSettings,
        connection,
        source: fixture.source,
        version,
        resolution,
        reason: 'because',
        user: 'ops',
        dryRun: false,
        ...(file === undefined ? {} : { file }),
      },
      testContext(),
    );
  const state = () => readMigrationState(connection, fixture.source);
  return { fixture, connection, up, resolve, state };
}

describe('resolve', () => {
  test('accept-edit takes the new checksum and statements, with the reason', async () => {
    const { fixture, connection, resolve, state } = await applied();
    fixture.write('1_a.sql', files['1_a.sql'].replace('DROP TABLE a', 'DROP TABLE IF EXISTS a'));
    expect((await resolve('1', 'accept-edit')).conflicts).toEqual([]);
    expect(state().conflicts).toEqual([]);
    const row = state().rows.at(-1);
    expect(row).toMatchObject({ event: 'accepted', reason: 'because (ops)', version: '1' });
    expect(new HistoryTable(connection, 'tradedb_migrations').storedSql(row?.seq ?? 0).down).toContain('IF EXISTS');
    await expect(resolve('1', 'accept-edit')).rejects.toThrow('its file is not edited');
  });

  test('forget a missing file, mark by hand in both directions', async () => {
    const { fixture, connection, resolve, state } = await applied();
    rmSync(join(fixture.directory, '2_b.sql'));
    await resolve('2', 'forget');
    expect(state()).toMatchObject({ conflicts: [], current: '1' });
    fixture.write('3_c.sql', 'CREATE TABLE c(x);');
    connection.exec('CREATE TABLE c(x)');
    await resolve('3', 'mark-applied');
    expect(state()).toMatchObject({ conflicts: [], pending: [], current: '3' });
    await resolve('3', 'mark-rolled-back');
    expect(state().pending.map((file) => file.version)).toEqual(['3']);
    await expect(resolve('1', 'forget')).rejects.toMatchObject({ code: 'usage' });
    await expect(resolve('99', 'mark-rolled-back')).rejects.toMatchObject({ code: 'usage' });
  });

  test('renumber a late file and one of two of a version', async () => {
    const { fixture, resolve, state, up } = await applied();
    fixture.write('0_late.sql', 'CREATE TABLE late(x);');
    const result = await resolve('0', 'renumber');
    expect(result.renamed?.to).toMatch(/^\d{14}_late\.sql$/);
    expect(state().conflicts).toEqual([]);
    fixture.write('02_twin.sql', 'CREATE TABLE twin(x);');
    await expect(resolve('2', 'renumber')).rejects.toThrow('have the version 2');
    await expect(resolve('2', 'renumber', '2_b.sql')).rejects.toThrow('is applied as it stands');
    await resolve('2', 'renumber', '02_twin.sql');
    expect(readdirSync(fixture.directory)).toHaveLength(4);
    expect(await up()).toMatchObject({ conflicts: [], failed: null, pendingCount: 0 });
  });
});

describe('verify', () => {
  test('counts counter-examples and edits, and retires', async () => {
    const { fixture, connection } = await applied({
      '3_c.sql': '-- migrate:up\nCREATE TABLE c(x);\n-- migrate:verify until=3\nSELECT 1;\nSELECT 2 FROM nowhere;',
    });
    expect(connection.value('SELECT count(*) FROM tradedb_migrations')).toBe(2);
    fixture.write('3_c.sql', '-- migrate:up\nCREATE TABLE c(x);\n-- migrate:verify until=3\nSELECT 1 WHERE 0;');
    await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(verifyApplied(connection, fixture.source, {})).toMatchObject({
      conflicts: [],
      retired: ['3'],
      checks: [{ version: '1', passed: true, line: 4 }],
    });
    connection.exec('INSERT INTO a VALUES(-1), (-2), (3)');
    const found = verifyApplied(connection, fixture.source, { versions: ['0001'] });
    expect(found.checks).toEqual([
      {
        version: '1',
        file: '1_a.sql',
        line: 4,
        passed: false,
        rowCount: 2,
        sampleRows: [{ x: -1 }, { x: -2 }],
        error: null,
      },
    ]);
    expect(found.checksums).toEqual([{ version: '1', file: '1_a.sql', matches: true }]);
    connection.exec('DROP TABLE a');
    expect(verifyApplied(connection, fixture.source, {}).checks[0]).toMatchObject({
      passed: false,
      error: 'no such table: a',
    });
    fixture.write('2_b.sql', 'CREATE TABLE other(x);');
    const edited = verifyApplied(connection, fixture.source, { checksumsOnly: true });
    expect(edited.checks).toEqual([]);
    expect(edited.conflicts).toMatchObject([{ class: 'edited', version: '2' }]);
  });
});

describe('drift', () => {
  test('cosmetic differences are none, real ones are named with their repair', async () => {
    const { fixture, connection } = await applied();
    const drift = (parts: object = {}) => findDrift({ connection, source: fixture.source, ...parts }, testContext());
    expect(await drift()).toMatchObject({ expectedFrom: 'history', objects: [], objectsCompared: 3 });
    connection.exec('DROP INDEX b_y; create  index "B_Y" /* same */ on [b] ( `y` )');
    expect((await drift()).objects).toEqual([]);
    connection.exec('DROP INDEX b_y; CREATE VIEW by_hand AS SELECT 1; ALTER TABLE a ADD COLUMN z;');
    const found = await drift();
    expect(found.objects.map((one) => `${one.change} ${one.type} ${one.name}`)).toEqual([
      'changed table a',
      'missing index b_y',
      'extra view by_hand',
    ]);
    expect(found.objects[1]?.repairSql).toContain('CREATE INDEX');
    expect(found.objects[2]?.repairSql).toBe('DROP VIEW "by_hand";');
    expect(await drift({ fromFiles: true })).toMatchObject({
      expectedFrom: 'files',
      objects: found.objects.map(({ name }) => ({ name })),
    });
    expect((await drift({ ignore: ['by_*', 'A', 'b_y'] })).objects).toEqual([]);
  });

  test('rows without a snapshot are replayed on the last one', async () => {
    const { fixture, connection } = await applied({ '3_bad.sql': 'CREATE TABLE c(x);\nSELECT * FROM nowhere;' });
    fixture.write('3_bad.sql', 'CREATE TABLE c(x);');
    fixture.write('4_bad.sql', 'SELECT * FROM nowhere;');
    const result = await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(result.applied).toHaveLength(1);
    expect(await findDrift({ connection, source: fixture.source }, testContext())).toMatchObject({ objects: [] });
    connection.exec('DROP TABLE c');
    expect((await findDrift({ connection, source: fixture.source }, testContext())).objects).toMatchObject([
      { change: 'missing', name: 'c' },
    ]);
  });

  test('against another database', async () => {
    const { fixture, connection } = await applied();
    const other = openMemory(testPorts);
    other.exec('CREATE TABLE a(x INTEGER)');
    const result = await findDrift({ connection, source: fixture.source, against: other }, testContext());
    expect(result.objects.map((one) => one.name)).toEqual(['b', 'b_y']);
    other.close();
  });
});

describe('baseline and dump', () => {
  test('an equal schema is recorded, another one only by force', async () => {
    const fixture = migrationFixture(files);
    const connection = await fixture.open();
    connection.exec('create table "A" ([x] integer); CREATE TABLE b(y);');
    const baseline = (parts: object = {}) =>
      recordBaseline({ ...runSettings, connection, source: fixture.source, dryRun: false, ...parts }, testContext());
    expect(await baseline()).toMatchObject({ events: [], differences: [{ change: 'missing', name: 'b_y' }] });
    expect(readMigrationState(connection, fixture.source).hasHistory).toBe(false);
    connection.exec('CREATE INDEX b_y ON b(y)');
    expect((await baseline({ dryRun: true })).events).toHaveLength(2);
    expect((await baseline()).events).toHaveLength(2);
    expect(readMigrationState(connection, fixture.source)).toMatchObject({ pending: [], conflicts: [], current: '2' });
    expect((await findDrift({ connection, source: fixture.source }, testContext())).objects).toEqual([]);
    await expect(baseline()).rejects.toThrow('has a migration history already');
  });

  test('a dump makes the same schema again', async () => {
    const { fixture, connection } = await applied({
      '3_c.sql':
        'CREATE VIRTUAL TABLE f USING fts5(x);\nCREATE TRIGGER tr AFTER INSERT ON a BEGIN INSERT INTO f VALUES(new.x); END;',
    });
    const dump = dumpSchema(connection, 'tradedb_migrations');
    const again = openMemory(testPorts);
    again.exec(dump.sql);
    expect(dumpSchema(again, 'tradedb_migrations')).toEqual(dump);
    again.close();
    fixture.write('../schema.sql', dump.sql.replaceAll('\n', '\r\n'));
    const path = join(fixture.folder, 'schema.sql');
    expect(compareDump(dump, path).equal).toBe(true);
    connection.exec('CREATE TABLE later(x)');
    const differing = compareDump(dumpSchema(connection, 'tradedb_migrations'), path);
    expect(differing.lines.filter((line) => line.sign === '+').map((line) => line.text)).toContain(
      'CREATE TABLE later(x);',
    );
  });
});

describe('import-history', () => {
  const tables = {
    knex: `CREATE TABLE knex_migrations(id INTEGER PRIMARY KEY, name TEXT, batch INT, migration_time); INSERT INTO knex_migrations(name) VALUES('1_a.js'), ('2_b.ts')`,
    dbmate: `CREATE TABLE schema_migrations(version TEXT PRIMARY KEY); INSERT INTO schema_migrations VALUES('2'), ('1')`,
    goose: `CREATE TABLE goose_db_version(id INTEGER PRIMARY KEY, version_id INT, is_applied INT); INSERT INTO goose_db_version(version_id, is_applied) VALUES(0, 1), (1, 1), (2, 0), (2, 1), (3, 1), (3, 0)`,
    flyway: `CREATE TABLE flyway_schema_history(installed_rank INT, version TEXT, description TEXT, success INT, checksum INT); INSERT INTO flyway_schema_history VALUES(1, '1', 'a', 1, NULL), (2, '2', 'b', 1, NULL), (3, '3', 'c', 0, 7), (4, NULL, 'r', 1, 8)`,
    'golang-migrate':
      'CREATE TABLE schema_migrations(version INT, dirty INT); INSERT INTO schema_migrations VALUES(2, 0)',
  } as const;

  test.each(Object.keys(tables) as (keyof typeof tables)[])('%s', async (from) => {
    const fixture = migrationFixture(files);
    const connection = await fixture.open();
    connection.exec(`${tables[from]}; CREATE TABLE a(x INTEGER); CREATE TABLE b(y);`);
    const run = (parts: object = {}) =>
      importHistory(
        { ...runSettings, connection, source: fixture.source, from, dryRun: false, ...parts },
        testContext(),
      );
    expect((await run({ dryRun: true })).events.map((one) => one.version)).toEqual(['1', '2']);
    expect(readMigrationState(connection, fixture.source).hasHistory).toBe(false);
    expect(await run()).toMatchObject({ missing: [], events: [{ version: '1', event: 'imported' }, { version: '2' }] });
    expect(readMigrationState(connection, fixture.source)).toMatchObject({ pending: [], conflicts: [] });
    await expect(run()).rejects.toThrow('has a migration history already');
  });

  test('the checksum of Flyway: CRC32 over the lines without their ends', async () => {
    const fixture = migrationFixture({ 'V1__a.sql': 'CREATE TABLE a(\r\n  x INTEGER\r\n);\n' });
    const connection = await fixture.open();
    // CRC32 of "CREATE TABLE a(  x INTEGER);" as a signed number.
    const crc = crc32('CREATE TABLE a(  x INTEGER);') | 0;
    connection.exec(`CREATE TABLE flyway_schema_history(installed_rank INT, version TEXT, description TEXT, success INT, checksum INT);
      INSERT INTO flyway_schema_history VALUES(1, '1', 'a', 1, ${crc + 1}); CREATE TABLE a(x INTEGER)`);
    const run = () =>
      importHistory(
        { ...runSettings, connection, source: fixture.source, from: 'flyway', dryRun: false },
        testContext(),
      );
    expect(await run()).toMatchObject({ events: [], edited: ['V1__a.sql'] });
    connection.run('UPDATE flyway_schema_history SET checksum = ?', [crc]);
    expect(await run()).toMatchObject({ events: [{ version: '1' }], edited: [] });
  });

  test('status names what the other tool has applied since', async () => {
    const fixture = migrationFixture(files);
    const connection = await fixture.open();
    connection.exec(
      `${tables.knex.replace('knex_migrations', 'old').replace('INTO knex_migrations', 'INTO old')}; CREATE TABLE a(x INTEGER); CREATE TABLE b(y);`,
    );
    const settings = { ...runSettings, connection, source: fixture.source, dryRun: false };
    await importHistory({ ...settings, from: 'knex', sourceTable: 'old' }, testContext());
    expect(readStatus(connection, fixture.source, {}).appliedElsewhere).toEqual([]);
    connection.exec(`INSERT INTO old(name) VALUES('3_c.js')`);
    expect(readStatus(connection, fixture.source, {}).appliedElsewhere).toEqual(['3']);
    connection.exec('DROP TABLE old');
    expect(readStatus(connection, fixture.source, {}).appliedElsewhere).toEqual([]);
  });

  test('versions without a file, a dirty flag and a foreign table are refused', async () => {
    const fixture = migrationFixture({ '1_a.sql': files['1_a.sql'] });
    const connection = await fixture.open();
    connection.exec(tables.dbmate);
    const run = (parts: object = {}) =>
      importHistory(
        { ...runSettings, connection, source: fixture.source, from: 'dbmate', dryRun: false, ...parts },
        testContext(),
      );
    expect(await run()).toEqual({ events: [], missing: ['2'], edited: [] });
    await expect(run({ from: 'knex' })).rejects.toThrow('is no history of knex');
    await expect(run({ from: 'golang-migrate' })).rejects.toThrow('is no history of golang-migrate');
    expect((await run({ allowMissing: true })).events).toHaveLength(2);
    expect(readMigrationState(connection, fixture.source).conflicts).toEqual([]);
    const dirty = migrationFixture(files);
    const other = await dirty.open();
    other.exec('CREATE TABLE schema_migrations(version INT, dirty INT); INSERT INTO schema_migrations VALUES(2, 1)');
    await expect(
      importHistory(
        { ...runSettings, connection: other, source: dirty.source, from: 'golang-migrate', dryRun: false },
        testContext(),
      ),
    ).rejects.toThrow('left version 2 dirty');
  });
});
