import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { MigrateCreateData } from '../../src/commands/migrate/create.ts';
import type { MigratePlanData } from '../../src/commands/migrate/plan.ts';
import type { MigrateUpData } from '../../src/commands/migrate/up.ts';
import { parseReport, tradedb } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function workplace(files: Readonly<Record<string, string>>, migrations: object = {}) {
  const cwd = temporaryFolder();
  for (const folder of ['migrations', 'seeds']) mkdirSync(join(cwd, folder));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(cwd, file), text);
  writeFileSync(join(cwd, 'tradedb.config.json'), JSON.stringify({ database: { path: 'data.db' }, migrations }));
  const run = (...args: string[]) => tradedb(['migrate', ...args], { cwd });
  const value = (sql: string): unknown => {
    const database = new Database(join(cwd, 'data.db'), { readonly: true });
    try {
      return database.prepare(sql).pluck().get();
    } finally {
      database.close();
    }
  };
  return { cwd, run, value };
}

const endless = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) INSERT INTO t SELECT x FROM n;';
const table = '-- migrate:up\nCREATE TABLE t(x);\n-- migrate:down\nDROP TABLE t;';

describe('migrations.statementTimeout', () => {
  test('an endless statement is stopped, its file rolled back, earlier ones stay; the next up goes on', async () => {
    const { cwd, run, value } = workplace(
      {
        'migrations/1_t.sql': table,
        'migrations/2_endless.sql': `-- migrate:up\nINSERT INTO t VALUES(-1);\n${endless}\n-- migrate:down\nSELECT 1;`,
        'seeds/a.sql': 'INSERT INTO t VALUES(-2);',
      },
      { statementTimeout: '1s' },
    );
    const result = await run('up', '--create', '--seed', '--json');
    expect(result.code, result.stderr).toBe(1);
    const { data } = parseReport<MigrateUpData>(result);
    expect(data.applied.map((file) => file.version)).toEqual(['1']);
    expect(data.failed).toMatchObject({ file: '2_endless.sql', line: 3, code: 'deadline_exceeded' });
    expect(data).toMatchObject({ pendingCount: 1, seeded: [] });
    expect(value('SELECT count(*) FROM t')).toBe(0);
    expect(value('PRAGMA quick_check')).toBe('ok');
    writeFileSync(
      join(cwd, 'migrations/2_endless.sql'),
      '-- migrate:up\nINSERT INTO t VALUES(-1);\n-- migrate:down\nSELECT 1;',
    );
    const again = await run('up', '--seed', '--json');
    expect(again.code, again.stderr).toBe(0);
    expect(parseReport<MigrateUpData>(again).data.seeded).toMatchObject([{ file: 'seeds/a.sql' }]);
    expect(value('SELECT sum(x) FROM t')).toBe(-3);
  });

  test('an error of the executor is an error of the command', async () => {
    const { run } = workplace({ 'migrations/1_t.sql': table }, { statementTimeout: '5s' });
    expect((await run('up', '--json')).code).toBe(10);
    expect((await run('up', '--create', '--atomic')).stdout).toContain('1 migration applied');
  });
});

describe('migrations.lint.onUp', () => {
  test('stops before the first write from the level that is set', async () => {
    const files = {
      'migrations/1_t.sql': table,
      'migrations/2_drop.sql': '-- migrate:up\nDROP TABLE t;\n-- migrate:down\nCREATE TABLE t(x);',
    };
    const strict = workplace(files, { lint: { onUp: 'warning' } });
    const stopped = await strict.run('up', '--create', '--json');
    expect(stopped.code).toBe(4);
    expect(parseReport<MigrateUpData>(stopped).data).toMatchObject({
      applied: [],
      pendingCount: 2,
      lintHits: [{ code: 'M001', file: '2_drop.sql' }],
    });
    expect(() => strict.value('SELECT 1')).toThrow();
    expect((await strict.run('up', '--create', '--to', '1')).code).toBe(4);
    const lenient = workplace(files, { lint: { onUp: 'error' } });
    expect((await lenient.run('up', '--create')).code).toBe(0);
    const silenced = workplace(files, { lint: { onUp: 'warning', rules: { M001: 'off' } } });
    expect((await silenced.run('up', '--create')).code).toBe(0);
  });
});

describe('migrate plan', () => {
  test('--no-modules lists a program without running it; needsBackup says what up would do', async () => {
    const { run } = workplace({
      'migrations/1_t.sql':
        '-- migrate:up\nCREATE TABLE t(x);\nINSERT INTO t VALUES(1);\n-- migrate:down\nDROP TABLE t;',
    });
    expect((await run('up', '--create')).code).toBe(0);
    const second = workplace({});
    writeFileSync(join(second.cwd, 'migrations/1_a.mjs'), `throw new Error('must not be loaded');`);
    writeFileSync(join(second.cwd, 'migrations/2_b.sql'), table);
    expect((await second.run('up', '--create', '--dry-run')).code).toBe(2);
    new Database(join(second.cwd, 'data.db'))
      .exec('CREATE TABLE rows_here(x); INSERT INTO rows_here VALUES(1)')
      .close();
    const plan = await second.run('plan', '--no-modules', '--json');
    expect(plan.code, plan.stderr).toBe(0);
    expect(parseReport<MigratePlanData>(plan).data).toMatchObject({
      needsBackup: true,
      steps: [
        { file: '1_a.mjs', executed: false, statements: [] },
        { file: '2_b.sql', executed: true },
      ],
    });
    expect((await second.run('plan', '--no-modules')).stdout).toContain('a program: listed, not run');
  });
});

describe('migrate create', () => {
  test('--kind table --on an existing table: its definition of today, which applies as it stands', async () => {
    const { cwd, run, value } = workplace({
      'migrations/1_t.sql': '-- migrate:up\nCREATE TABLE "odd t"(x INT, y TEXT);\n-- migrate:down\nDROP TABLE "odd t";',
    });
    expect((await run('up', '--create')).code).toBe(0);
    const made = parseReport<MigrateCreateData>(
      await run('create', 'change it', '--kind', 'table', '--on', 'odd t', '--json'),
    );
    expect(made.data.text).toContain('-- migrate:table\nCREATE TABLE "odd t"(x INT, y TEXT);');
    writeFileSync(made.data.file, made.data.text.replace('y TEXT', 'y TEXT, z REAL'));
    expect((await run('up')).code).toBe(0);
    expect(value(`SELECT count(*) FROM pragma_table_info('odd t')`)).toBe(3);
    expect((await run('down', '--yes')).code).toBe(0);
    expect(value(`SELECT count(*) FROM pragma_table_info('odd t')`)).toBe(2);
    const fresh = parseReport<MigrateCreateData>(await run('create', 'new', '--kind', 'table', '--on', 'n', '--json'));
    expect(fresh.data.text).toContain('CREATE TABLE "n" (');
    const data = parseReport<MigrateCreateData>(
      await run('create', 'fill', '--kind', 'data', '--on', 'n', '--dry-run', '--json'),
    );
    expect(data.data.text).toContain('-- migrate:data table=n key=rowid batch=5000\nUPDATE "n"');
    expect(cwd).not.toBe('');
  });
});
