import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rollBackMigrations } from '../../../src/core/migration/down.ts';
import { readMigrationState } from '../../../src/core/migration/state.ts';
import { readStatus } from '../../../src/core/migration/status.ts';
import { applyMigrations, type UpSettings } from '../../../src/core/migration/up.ts';
import { testContext } from '../../support/context.ts';
import { migrationFixture, runSettings } from '../../support/migrations.ts';

const files = {
  '1_a.sql': '-- migrate:up\nCREATE TABLE a(x);\n-- migrate:down\nDROP TABLE a;',
  '2_b.sql': '-- migrate:up\nCREATE TABLE b(x);\n-- migrate:down\nDROP TABLE b;',
};

async function applied() {
  const fixture = migrationFixture(files);
  const connection = await fixture.open();
  const up = (parts: Partial<UpSettings> = {}) =>
    applyMigrations({ ...runSettings, connection, source: fixture.source, ...parts }, testContext());
  await up();
  return { fixture, connection, up };
}

const classes = (conflicts: readonly { class: string; version: string }[]) =>
  conflicts.map((one) => `${one.class} ${one.version}`);

describe('conflicts stop up and down before the first write', () => {
  test('edited', async () => {
    const { fixture, connection, up } = await applied();
    fixture.write('1_a.sql', `${files['1_a.sql']}\n-- changed`);
    fixture.write('3_c.sql', 'CREATE TABLE c(x);');
    const result = await up();
    expect(classes(result.conflicts)).toEqual(['edited 1']);
    expect(result.applied).toEqual([]);
    const down = await rollBackMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(classes(down.conflicts)).toEqual(['edited 1']);
    // A byte order mark and other line ends are no edit.
    fixture.write('1_a.sql', `\ufeff${files['1_a.sql'].replaceAll('\n', '\r\n')}`);
    expect((await up()).conflicts).toEqual([]);
  });

  test('missing, except for what down takes back itself', async () => {
    const { fixture, connection, up } = await applied();
    rmSync(join(fixture.directory, '2_b.sql'));
    expect(classes((await up()).conflicts)).toEqual(['missing 2']);
    rmSync(join(fixture.directory, '1_a.sql'));
    const one = await rollBackMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(classes(one.conflicts)).toEqual(['missing 1']);
    const both = await rollBackMigrations(
      { ...runSettings, connection, source: fixture.source, steps: 2 },
      testContext(),
    );
    expect(both.rolledBack).toHaveLength(2);
    expect(readMigrationState(connection, fixture.source).conflicts).toEqual([]);
  });

  test('late, unless it is allowed', async () => {
    const { fixture, connection, up } = await applied();
    fixture.write('1.5_x.sql', 'SELECT 1');
    expect(() => fixture.source.list()).toThrow('has no version');
    rmSync(join(fixture.directory, '1.5_x.sql'));
    renameSync(join(fixture.directory, '2_b.sql'), join(fixture.directory, '0002_b.sql'));
    expect((await up()).conflicts).toEqual([]);
    fixture.write('0_zero.sql', 'CREATE TABLE zero(x);');
    expect(classes((await up()).conflicts)).toEqual(['late 0']);
    expect((await up({ allowOutOfOrder: true })).applied).toHaveLength(1);
    expect(readMigrationState(connection, fixture.source).current).toBe('2');
  });

  test('duplicate: 0001 and 1 are one version', async () => {
    const { fixture, up } = await applied();
    fixture.write('0001_again.sql', 'CREATE TABLE again(x);');
    const result = await up();
    expect(classes(result.conflicts)).toEqual(['duplicate 0001']);
    expect(result.conflicts[0]?.files).toEqual(['0001_again.sql', '1_a.sql']);
  });

  test('all are listed at once, in order of version', async () => {
    const { fixture, connection } = await applied();
    fixture.write('2_b.sql', 'CREATE TABLE b(other);');
    rmSync(join(fixture.directory, '1_a.sql'));
    fixture.write('0_x.sql', 'SELECT 1;');
    fixture.write('5_p.sql', 'SELECT 1;');
    fixture.write('5_q.sql', 'SELECT 1;');
    const status = readStatus(connection, fixture.source, {});
    expect(classes(status.conflicts)).toEqual(['late 0', 'missing 1', 'edited 2', 'duplicate 5']);
    expect(status.migrations.map((row) => row.state)).toEqual(['late', 'missing', 'edited', 'duplicate', 'duplicate']);
  });
});

describe('status', () => {
  test('the order of the history counts, not the clock', async () => {
    const fixture = migrationFixture(files);
    const connection = await fixture.open();
    const context = testContext();
    const past = { ...context, clock: { ...context.clock, wallTime: () => 0 } };
    const run = (to: string, inPast: boolean) =>
      applyMigrations({ ...runSettings, connection, source: fixture.source, to }, inPast ? past : context);
    await run('1', false);
    await rollBackMigrations({ ...runSettings, connection, source: fixture.source }, past);
    await run('2', true);
    expect(readMigrationState(connection, fixture.source)).toMatchObject({ current: '2', pending: [], conflicts: [] });
  });

  test('says when the schema was changed by hand, and shows an edit', async () => {
    const { fixture, connection } = await applied();
    expect(readStatus(connection, fixture.source, {}).schemaMatches).toBe(true);
    connection.exec('CREATE TABLE by_hand(x)');
    expect(readStatus(connection, fixture.source, {}).schemaMatches).toBe(false);
    fixture.write('2_b.sql', files['2_b.sql'].replace('b(x)', 'b(x, y)'));
    expect(readStatus(connection, fixture.source, { diff: '2' }).difference?.lines).toEqual([
      { sign: ' ', text: '-- migrate:up' },
      { sign: '-', text: 'CREATE TABLE b(x);' },
      { sign: '+', text: 'CREATE TABLE b(x, y);' },
    ]);
    expect(() => readStatus(connection, fixture.source, { diff: '77' })).toThrow('is not applied from a file');
  });
});
