import { describe, expect, test } from 'vitest';
import { defaultLongSettings } from '../../../src/core/migration/long/settings.ts';
import { resolveConflict } from '../../../src/core/migration/resolve.ts';
import { readMigrationState } from '../../../src/core/migration/state.ts';
import { readStatus } from '../../../src/core/migration/status.ts';
import { applyMigrations } from '../../../src/core/migration/up.ts';
import { testContext } from '../../support/context.ts';
import { migrationFixture, runSettings } from '../../support/migrations.ts';

const step = (where: string, parts = '') =>
  `-- migrate:up${parts}\n-- migrate:data table=t key=id batch=100\n${where};\n`;
const fill = 'UPDATE t SET fee = id * 2 WHERE id > @after AND id <= @upto';

async function withRows(file: string, rows = 1050) {
  const fixture = migrationFixture({ '1_data.sql': file });
  const connection = await fixture.open();
  connection.exec(
    `CREATE TABLE t(id INTEGER PRIMARY KEY, fee INT, u TEXT NOT NULL UNIQUE, n TEXT);
     WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ${rows})
     INSERT INTO t(id, u, n) SELECT x * 3 - 50, printf('u%07d', x), x FROM c;
     CREATE TABLE child(t INTEGER NOT NULL REFERENCES t(id) ON DELETE CASCADE, id INTEGER PRIMARY KEY);
     INSERT INTO child(t) SELECT id FROM t LIMIT 10;`,
  );
  return { fixture, connection, settings: { ...runSettings, connection, source: fixture.source } };
}

describe('a data step', () => {
  test('changes every row exactly once, in batches', async () => {
    const { connection, settings } = await withRows(
      step('UPDATE t SET fee = coalesce(fee, 0) + id WHERE id > @after AND id <= @upto'),
    );
    let starts = 0;
    const result = await applyMigrations({ ...settings, onStart: () => (starts += 1) }, testContext());
    expect(result).toMatchObject({
      failed: null,
      applied: [{ strategy: 'batches', rowsChanged: 1050, statements: 1 }],
    });
    expect(connection.value('SELECT count(*) FROM t WHERE fee IS NOT id')).toBe(0);
    expect(starts).toBeGreaterThanOrEqual(11);
  });

  test.each(['u', 'rowid', 'id'])('walks along the key %s', async (key) => {
    const text = `-- migrate:up\n-- a note\n-- migrate:data table="t" key=${key} batch=64\nUPDATE t SET fee = coalesce(fee, 0) + 1 WHERE ${key} > @after AND ${key} <= @upto;`;
    const { connection, settings } = await withRows(text);
    expect((await applyMigrations(settings, testContext())).failed).toBeNull();
    expect(connection.all('SELECT DISTINCT fee FROM t')).toEqual([{ fee: 1 }]);
  });

  test('an empty table has nothing to change', async () => {
    const { settings } = await withRows(step(fill), 0);
    expect(await applyMigrations(settings, testContext())).toMatchObject({ failed: null, pendingCount: 0 });
  });

  test('a row that fails keeps the batches before it, and the corrected row lets it go on', async () => {
    const { connection, fixture, settings } = await withRows(step(fill));
    connection.exec(
      `CREATE TRIGGER no BEFORE UPDATE ON t WHEN new.id = 940 BEGIN SELECT RAISE(ABORT, 'not this one'); END`,
    );
    const failed = await applyMigrations(settings, testContext());
    expect(failed.failed).toMatchObject({ code: 'migration_interrupted', line: 3 });
    const done = Number(connection.value('SELECT count(*) FROM t WHERE fee IS NOT NULL'));
    expect(done).toBe(300);
    connection.exec('DROP TRIGGER no');
    fixture.write('1_data.sql', step(fill.replace('* 2', '* 3')));
    expect((await applyMigrations(settings, testContext())).failed?.reason).toContain(
      'changed while its work is half done',
    );
    fixture.write('1_data.sql', step(fill));
    expect((await applyMigrations(settings, testContext())).failed).toBeNull();
    expect(connection.value('SELECT count(*) FROM t WHERE fee IS NOT id * 2')).toBe(0);
  });

  test('deletes that cascade must be wanted', async () => {
    const remove = 'DELETE FROM t WHERE id > @after AND id <= @upto';
    const refused = await withRows(step(remove));
    const result = await applyMigrations(refused.settings, testContext());
    expect(result.failed).toMatchObject({ code: 'migration_failed', reason: expect.stringContaining('child') });
    expect(readMigrationState(refused.connection, refused.fixture.source).conflicts).toEqual([]);
    const wanted = await withRows(step(remove, ' foreign-keys=on'));
    expect((await applyMigrations(wanted.settings, testContext())).failed).toBeNull();
    expect(wanted.connection.value('SELECT count(*) FROM child')).toBe(0);
  });

  test.each([
    ['no bound', step('UPDATE t SET fee = 1 WHERE id > @after'), '@upto'],
    ['another variable', step('UPDATE t SET fee = @fee WHERE id > @after AND id <= @upto'), '@fee'],
    ['a key that is no column', step(fill).replace('key=id', 'key=none'), 'none'],
    ['a key without an index', step(fill).replace('key=id', 'key=n'), 'index'],
    ['two statements', `${step(fill)}SELECT 1;`, 'alone'],
    ['a SELECT', step('SELECT @after, @upto'), 'INSERT, UPDATE or DELETE'],
  ])('refuses %s', async (_, text, message) => {
    const { settings, connection } = await withRows(text);
    const result = await applyMigrations(settings, testContext()).then(
      (done) => done.failed?.reason ?? '',
      (error: Error) => error.message,
    );
    expect(result).toContain(message);
    expect(connection.value('SELECT count(*) FROM t WHERE fee IS NOT NULL')).toBe(0);
  });

  test('cannot be part of one transaction', async () => {
    const { settings } = await withRows(step(fill));
    await expect(applyMigrations({ ...settings, atomic: true }, testContext())).rejects.toMatchObject({
      code: 'usage',
    });
  });

  test('a second process waits for a living owner, tells who it is, and skips what it has finished', async () => {
    const { fixture, settings } = await withRows(step(fill), 3000);
    const second = { ...settings, connection: await fixture.open() };
    const owner = { pid: process.pid, hostname: 'here' };
    const slow = { ...defaultLongSettings.data, pauseRatio: 10 };
    const long = { ...defaultLongSettings, owner, data: slow };
    const first = applyMigrations({ ...settings, long }, testContext());
    await new Promise((resolve) => setTimeout(resolve, 5));
    const tooSoon = await applyMigrations({ ...second, long, lockTimeoutMs: 20 }, testContext());
    expect(tooSoon.failed).toMatchObject({
      code: 'database_locked',
      reason: expect.stringContaining(`process ${process.pid}`),
    });
    const here = { hostname: 'here', now: Date.now() };
    const status = readStatus(second.connection, fixture.source, { here });
    expect(status).toMatchObject({
      conflicts: [],
      migrations: [{ state: 'running', progress: { running: true, pid: process.pid, rowsTotal: 3000 } }],
    });
    const request = { version: '1', resolution: 'abort', reason: 'no', user: 'me', dryRun: false } as const;
    await expect(
      resolveConflict({ ...second, ...request, long, lockTimeoutMs: 20 }, testContext()),
    ).rejects.toMatchObject({ code: 'database_locked' });
    const patient = await applyMigrations({ ...second, long, lockTimeoutMs: 60_000 }, testContext());
    expect(patient).toMatchObject({ failed: null, skipped: ['1'], applied: [] });
    expect((await first).failed).toBeNull();
    expect(second.connection.value('SELECT count(*) FROM t WHERE fee IS NOT id * 2')).toBe(0);
  });

  test('whoever loses the step to another process stops without a further batch', async () => {
    const { fixture, settings, connection } = await withRows(step(fill), 3000);
    // Nobody is known as the owner, so the second one takes over at once.
    const first = applyMigrations(settings, testContext());
    await new Promise((resolve) => setTimeout(resolve, 5));
    const taken = await applyMigrations({ ...settings, connection: await fixture.open() }, testContext());
    expect(taken).toMatchObject({ failed: null, applied: [{ strategy: 'batches' }] });
    expect((await first).failed).toMatchObject({ code: 'lease_held' });
    expect(connection.value('SELECT count(*) FROM t WHERE fee IS NOT id * 2')).toBe(0);
    const events = connection.all('SELECT event FROM tradedb_migrations ORDER BY seq');
    expect(events).toEqual([{ event: 'started' }, { event: 'applied' }]);
  });
});
