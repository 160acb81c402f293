import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rollBackMigrations } from '../../../src/core/migration/down.ts';
import { readHooks } from '../../../src/core/migration/hooks.ts';
import { planMigrations } from '../../../src/core/migration/plan.ts';
import { resolveConflict } from '../../../src/core/migration/resolve.ts';
import { runUp, type UpRequest } from '../../../src/core/migration/up-run.ts';
import { testContext } from '../../support/context.ts';
import { migrationFixture, runSettings } from '../../support/migrations.ts';

const files = {
  '1_log.sql':
    '-- migrate:up\nCREATE TABLE log(what TEXT);\nCREATE TABLE t(id INTEGER PRIMARY KEY, x);\n-- migrate:down\nDROP TABLE t;\nDROP TABLE log;',
  '2_rows.sql': '-- migrate:up\nINSERT INTO t(x) VALUES(1);\n-- migrate:down\nDELETE FROM t;',
};

function workplace() {
  const fixture = migrationFixture(files);
  const hooksDirectory = join(fixture.directory, 'hooks');
  const seedsDirectory = join(fixture.folder, 'seeds');
  for (const folder of [hooksDirectory, seedsDirectory]) mkdirSync(folder);
  const request = (parts: Partial<UpRequest> = {}): UpRequest => ({
    database: fixture.path,
    create: true,
    directory: fixture.directory,
    table: 'tradedb_migrations',
    hooksDirectory,
    seedsDirectory: null,
    run: 'run-1',
    atomic: false,
    allowOutOfOrder: false,
    ...runSettings,
    ...parts,
  });
  const hook = (file: string, text: string): void => writeFileSync(join(hooksDirectory, file), text);
  const seed = (file: string, text: string): void => writeFileSync(join(seedsDirectory, file), text);
  return { ...fixture, hooksDirectory, seedsDirectory, request, hook, seed };
}

describe('hooks', () => {
  test.each([false, true])('run around files and the run, SQL and programs (atomic %s)', async (atomic) => {
    const { hook, request, open } = workplace();
    hook('before-run.sql', 'CREATE TABLE IF NOT EXISTS before_run(x);\nINSERT INTO before_run VALUES(1);');
    hook('after-each.mjs', `export const run = (knex) => knex('log').insert({ what: 'after' });`);
    hook('after-run.cjs', `module.exports = async (knex) => { await knex('log').insert({ what: 'run' }); };`);
    const result = await runUp(request({ atomic }), {}, testContext());
    expect(result).toMatchObject({ failed: null, pendingCount: 0 });
    expect(result.applied.map((file) => file.statements)).toEqual([2, 1]);
    const connection = await open();
    expect(connection.all('SELECT what FROM log')).toEqual([{ what: 'after' }, { what: 'after' }, { what: 'run' }]);
    expect(connection.value('SELECT count(*) FROM before_run')).toBe(1);
    connection.close();
    // Nothing is pending: no hook runs.
    await runUp(request(), {}, testContext());
    expect((await open()).value('SELECT count(*) FROM before_run')).toBe(1);
  });

  test('a failing hook takes its file with it, one before the run stops it, one behind it is told', async () => {
    const { hook, request, open, hooksDirectory } = workplace();
    hook('after-each.sql', `INSERT INTO t(id, x) SELECT 7, 7 FROM t;\nINSERT INTO t(id, x) SELECT 7, 7 FROM t;`);
    const first = await runUp(request(), {}, testContext());
    expect(first.applied.map((file) => file.version)).toEqual(['1']);
    expect(first.failed).toMatchObject({ file: 'hooks/after-each.sql', line: 2 });
    const connection = await open();
    expect(connection.value('SELECT count(*) FROM t')).toBe(0);
    connection.close();
    hook('after-each.sql', 'SELECT 1;');
    hook('before-run.sql', 'SELECT * FROM nowhere;');
    const second = await runUp(request(), {}, testContext());
    expect(second).toMatchObject({ applied: [], failed: { file: 'hooks/before-run.sql' }, pendingCount: 1 });
    hook('before-run.sql', 'COMMIT;');
    expect((await runUp(request(), {}, testContext())).failed?.reason).toContain('transaction control');
    hook('before-run.sql', 'SELECT 1;');
    hook('after-run.sql', 'SELECT * FROM nowhere;');
    const third = await runUp(request(), {}, testContext());
    expect(third).toMatchObject({ failed: { file: 'hooks/after-run.sql' }, pendingCount: 0 });
    expect(third.applied).toHaveLength(1);
    hook('sometimes.sql', 'SELECT 1;');
    await expect(readHooks(hooksDirectory)).rejects.toThrow('sometimes.sql in the hooks folder is no hook');
  });

  test('the plan runs them too, and lists only the statements of the files', async () => {
    const { hook, hooksDirectory, source } = workplace();
    hook('before-each.sql', 'CREATE TABLE IF NOT EXISTS made_by_hook(x);');
    const settings = { connection: undefined, source, hooks: await readHooks(hooksDirectory) };
    const plan = await planMigrations(settings, testContext());
    expect(plan.failed).toBeNull();
    expect(plan.steps.map((step) => step.statements.length)).toEqual([2, 1]);
  });
});

describe('seeds', () => {
  test('run in order of name behind the files, every time, one transaction each, and leave a row', async () => {
    const { seed, seedsDirectory, request, open } = workplace();
    seed('b.mjs', `export const seed = (knex) => knex('t').insert({ id: 20, x: 'b' }).onConflict('id').merge();`);
    seed('a.sql', `INSERT OR REPLACE INTO t(id, x) VALUES(10, 'a');`);
    const seen: string[] = [];
    const events = { onSeed: (file: { file: string }) => seen.push(file.file) };
    const result = await runUp(request({ seedsDirectory }), events, testContext());
    expect(result.failed).toBeNull();
    expect(seen).toEqual(['seeds/a.sql', 'seeds/b.mjs']);
    await runUp(request({ seedsDirectory, run: 'run-2' }), events, testContext());
    seed('c.sql', `INSERT INTO t(id, x) VALUES(30, 'c');\nINSERT INTO t(id, x) VALUES(30, 'c');`);
    const broken = await runUp(request({ seedsDirectory, run: 'run-3' }), events, testContext());
    expect(broken.failed).toMatchObject({ file: 'seeds/c.sql', line: 2 });
    const connection = await open();
    expect(connection.all('SELECT id, x FROM t WHERE id >= 10')).toEqual([
      { id: 10, x: 'a' },
      { id: 20, x: 'b' },
    ]);
    expect(
      connection.all(`SELECT version, run FROM tradedb_migrations WHERE event = 'seeded' AND run <> 'run-3'`),
    ).toEqual(['run-1', 'run-2'].flatMap((run) => ['a.sql', 'b.mjs'].map((version) => ({ version, run }))));
  });
});

describe('the mirror of knex', () => {
  test('knex_migrations follows up, down and resolve, in the same transaction', async () => {
    const { request, open, source, write } = workplace();
    write(
      '3_more.mjs',
      `export const up = (knex) => knex.raw('CREATE TABLE more(x)');\nexport const down = (knex) => knex.raw('DROP TABLE more');`,
    );
    await runUp(request({ mirror: 'knex', steps: 2 }), {}, testContext());
    await runUp(request({ mirror: 'knex', run: 'run-2' }), {}, testContext());
    const connection = await open();
    const names = () => connection.all('SELECT name, batch FROM knex_migrations ORDER BY id');
    const all = [
      { name: '1_log.sql', batch: 1 },
      { name: '2_rows.sql', batch: 1 },
      { name: '3_more.mjs', batch: 2 },
    ];
    expect(names()).toEqual(all);
    expect(connection.all('SELECT is_locked FROM knex_migrations_lock')).toEqual([{ is_locked: 0 }]);
    const settings = { connection, source, mirror: 'knex' as const, ...runSettings };
    await rollBackMigrations(settings, testContext());
    expect(names()).toEqual(all.slice(0, 2));
    const how = { ...settings, reason: 'by hand', user: 'me', dryRun: false };
    await resolveConflict({ ...how, version: '3', resolution: 'mark-applied' }, testContext());
    expect(names()).toMatchObject([{}, {}, { name: '3_more.mjs', batch: 2 }]);
    write('4_bad.sql', '-- migrate:up\nCREATE TABLE four(x);\nSELECT * FROM nowhere;\n-- migrate:down\nSELECT 1;');
    const failed = await runUp(request({ mirror: 'knex', run: 'run-4' }), {}, testContext());
    expect(failed.failed?.file).toBe('4_bad.sql');
    expect(names()).toHaveLength(3);
  });

  test('knex itself takes the database for one that it has migrated', async () => {
    const { request, path } = workplace();
    await runUp(request({ mirror: 'knex' }), {}, testContext());
    const { default: knex } = await import('knex');
    const client = knex({ client: 'better-sqlite3', connection: { filename: path }, useNullAsDefault: true });
    try {
      const migrationSource = {
        getMigrations: async () => ['1_log.sql', '2_rows.sql'],
        getMigrationName: (name: string) => name,
        getMigration: async () => ({ up: async () => {}, down: async () => {} }),
      };
      const [batch, applied] = await client.migrate.latest({ migrationSource });
      expect([batch, applied]).toEqual([1, []]);
    } finally {
      await client.destroy();
    }
  });
});
