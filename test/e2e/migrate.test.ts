import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { MigrateCreateData } from '../../src/commands/migrate/create.ts';
import type { MigrateDownData } from '../../src/commands/migrate/down.ts';
import type { MigratePlanData } from '../../src/commands/migrate/plan.ts';
import type { MigrateStatusData } from '../../src/commands/migrate/status.ts';
import type { MigrateUpData } from '../../src/commands/migrate/up.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { folderState } from '../support/folder-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const tradingMigrations = fileURLToPath(new URL('../../src/core/trading/migrations', import.meta.url));

/** A folder with an awkward name, and what the commands need in it. */
function workplace(files: Readonly<Record<string, string>> = {}) {
  const cwd = join(temporaryFolder(), `it's 100% "odd"\nfolder`);
  mkdirSync(join(cwd, 'migrations'), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(cwd, 'migrations', file), text);
  const run = (...args: string[]) => tradedb(['migrate', ...args, '-d', 'my data.db'], { cwd });
  return { cwd, run, path: join(cwd, 'my data.db') };
}

const two = {
  '20260301093000_trades.sql':
    '-- migrate:up\nCREATE TABLE trades(id INTEGER PRIMARY KEY, px REAL);\n-- migrate:down\nDROP TABLE trades;',
  '20260302093000_fee.sql':
    '-- migrate:up\nALTER TABLE trades ADD COLUMN fee REAL;\n-- migrate:down\nALTER TABLE trades DROP COLUMN fee;',
};

describe('migrate', () => {
  test('the reference schema goes up, is planned and shown, and comes down again', async () => {
    const { cwd, run, path } = workplace();
    cpSync(tradingMigrations, join(cwd, 'migrations'), { recursive: true });
    const up = parseReport<MigrateUpData>(await run('up', '--create', '--json'));
    expect(up.status).toBe('ok');
    expect(up.data.applied.length).toBeGreaterThan(5);
    const status = await run('status', '--json');
    expect(parseReport<MigrateStatusData>(status).data).toMatchObject({
      pendingCount: 0,
      schemaMatches: true,
      conflicts: [],
    });
    const down = await run('down', '--to', '0', '--yes', '--json');
    expect(parseReport<MigrateDownData>(down).data.rolledBack).toHaveLength(up.data.applied.length);
    const database = new Database(path);
    expect(database.prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['tradedb_migrations']);
    database.close();
    const plan = await run('plan', '--json', '--exit-code');
    expect(plan.code).toBe(4);
    expect(parseReport<MigratePlanData>(plan).data).toMatchObject({ failed: null, executedOn: 'schema' });
  });

  test('text output', async () => {
    const { run } = workplace(two);
    const up = await run('up', '--create');
    expect(up.stdout).toMatch(/20260302093000_fee\.sql +1 +0 +\d/);
    expect(up.stdout).toContain('2 migrations applied');
    expect(up.stderr).toBe('');
    expect((await run('up')).stdout).toContain('nothing is pending');
    const status = await run('status');
    expect(status.stdout).toContain('schema matches 20260302093000   nothing pending');
    const down = await run('down', '--yes');
    expect(down.stdout).toContain('1 migration taken back');
    const plan = await run('plan', '--with-data', '--sql');
    expect(plan.stdout).toContain('ALTER TABLE trades ADD COLUMN fee REAL');
    expect(plan.stdout).toContain('1 file, executed on a copy with all rows: ok');
    const again = await run('status');
    expect(again.stdout).toContain('1 file pending');
  });

  test('dry runs, plan and status leave every byte as it is', async () => {
    const { cwd, run } = workplace(two);
    const missing = folderState(cwd);
    expect((await run('up', '--create', '--dry-run')).code).toBe(0);
    expect(folderState(cwd)).toEqual(missing);
    expect((await run('up', '--create', '--steps', '1')).code).toBe(0);
    const before = folderState(cwd);
    for (const words of [
      ['up', '--dry-run'],
      ['down', '--dry-run'],
      ['status'],
      ['plan'],
      ['plan', '--with-data'],
      ['create', 'x', '--dry-run'],
    ]) {
      const args = words[0] === 'create' ? tradedb(['migrate', ...words], { cwd }) : run(...words);
      expect(await args).toMatchObject({ code: 0 });
    }
    expect(folderState(cwd)).toEqual(before);
    const down = parseReport<MigrateDownData>(await run('down', '--dry-run', '--json'));
    expect(down.data).toMatchObject({ dryRun: true, rolledBack: [{ version: '20260301093000' }] });
  });

  test('a failing file: code 1, the place, nothing left', async () => {
    const { run } = workplace({
      ...two,
      '20260303093000_bad.sql': 'CREATE TABLE x(a);\n  INSERT INTO nowhere VALUES(1);',
    });
    const up = await run('up', '--create', '--json');
    expect(up.code).toBe(1);
    const report = parseReport<MigrateUpData>(up);
    expect(report.status).toBe('failed');
    expect(report.data.failed).toMatchObject({ line: 2, column: 3, reason: 'no such table: nowhere' });
    expect(report.data.applied).toHaveLength(2);
    const text = await run('up');
    expect(text.code).toBe(1);
    expect(text.stdout).toContain('20260303093000_bad.sql:2:3');
    expect((await run('plan')).code).toBe(1);
    expect((await run('up', '--dry-run')).code).toBe(1);
  });

  test('conflicts: code 14, all of them', async () => {
    const { cwd, run } = workplace(two);
    await run('up', '--create');
    rmSync(join(cwd, 'migrations/20260302093000_fee.sql'));
    writeFileSync(join(cwd, 'migrations/20260301093000_trades.sql'), 'CREATE TABLE other(x);');
    writeFileSync(join(cwd, 'migrations/1_late.sql'), 'SELECT 1;');
    for (const words of [['up'], ['status'], ['plan'], ['up', '--dry-run']]) {
      const result = await run(...words);
      expect(result.code).toBe(14);
      expect(result.stdout).toContain('1_late.sql is not applied');
      expect(result.stdout).toContain('20260301093000_trades.sql was changed after it was applied');
      expect(result.stdout).toContain('20260302093000_fee is applied, but its file is gone');
    }
    const report = parseReport<MigrateStatusData>(await run('status', '--json', '--exit-code'));
    expect(report.data.conflicts.map((one) => one.class)).toEqual(['late', 'edited', 'missing']);
    const diff = await run('status', '--diff', '20260301093000');
    expect(diff.stdout).toContain('+ CREATE TABLE other(x);');
  });

  test('status --exit-code and metrics', async () => {
    const { run } = workplace(two);
    await run('up', '--create', '--steps', '1');
    expect((await run('status')).code).toBe(0);
    expect((await run('status', '--exit-code')).code).toBe(4);
    expect((await run('status', '--exit-code', '--quiet')).stdout).toContain('1 file pending');
    await run('up');
    expect(await run('status', '--exit-code', '--quiet')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    await run('down', '--yes');
    expect((await run('status', '-f', 'prometheus')).stdout).toContain('tradedb_migrations_pending 1');
  });

  test('down needs a yes without a terminal', async () => {
    const { run, path } = workplace(two);
    await run('up', '--create');
    const before = readFileSync(path);
    expect(await run('down')).toMatchObject({ code: 2, stdout: '' });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('ndjson: a line per file and the report', async () => {
    const { run } = workplace(two);
    const lines = (await run('up', '--create', '-f', 'ndjson')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.slice(0, 2)).toMatchObject([{ type: 'applied', version: '20260301093000' }, { type: 'applied' }]);
    expect(lines).toHaveLength(3);
  });

  test('create writes a file that sorts behind the others, never over one', async () => {
    const { cwd } = workplace();
    const create = (...words: string[]) => tradedb(['migrate', 'create', ...words, '--json'], { cwd });
    const first = parseReport<MigrateCreateData>(await create('Add fee: to Trades!'));
    expect(first.data.file).toMatch(/migrations\/\d{14}_add_fee_to_trades\.sql$/);
    expect(readFileSync(first.data.file, 'utf8')).toBe(first.data.text);
    const program = parseReport<MigrateCreateData>(await create('p', '--kind', 'ts'));
    expect(program.data.file).toMatch(/_p\.ts$/);
    rmSync(program.data.file);
    const second = parseReport<MigrateCreateData>(await create('again', '--kind', 'table', '--on', 'a "b"'));
    expect(second.data.version > first.data.version).toBe(true);
    expect(second.data.text).toContain('CREATE TABLE "a ""b"""');
    expect((await create('!!!')).code).toBe(2);
    rmSync(first.data.file);
    expect((await tradedb(['migrate', 'up', '-d', 'new.db', '--create'], { cwd })).code).toBe(0);
  });

  test('eight at once on a database that does not exist: all exit 0, each file once', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [
        `${index + 1}_f.sql`,
        `CREATE TABLE t${index}(x);\nINSERT INTO t${index} VALUES(1);`,
      ]),
    );
    const { run, path } = workplace(files);
    const results = await Promise.all(Array.from({ length: 8 }, () => run('up', '--create', '--json')));
    expect(results.map((result) => [result.code, result.stderr])).toEqual(Array.from({ length: 8 }, () => [0, '']));
    const reports = results.map((result) => parseReport<MigrateUpData>(result).data);
    expect(reports.reduce((sum, data) => sum + data.applied.length, 0)).toBe(12);
    const database = new Database(path, { readonly: true });
    expect(database.prepare('SELECT count(*), count(DISTINCT version) FROM tradedb_migrations').raw().get()).toEqual([
      12, 12,
    ]);
    expect(
      database.prepare(`SELECT count(*) FROM sqlite_schema WHERE name LIKE 't_' OR name LIKE 't__'`).pluck().get(),
    ).toBe(12);
    database.close();
  });
});

describe('signals', () => {
  test('SIGINT between statements: 130, the file is rolled back, the ones before stay', async () => {
    const slow = "INSERT INTO t SELECT a.value FROM json_each('[1,2,3]') a, json_each('[1,2]') b;\n";
    const { cwd, path } = workplace({
      '1_first.sql': 'CREATE TABLE t(x);',
      '2_long.sql': `CREATE TABLE begun(x);\n${slow.repeat(60_000)}`,
    });
    const result = await tradedb(['migrate', 'up', '-d', 'my data.db', '--create', '-f', 'ndjson'], {
      cwd,
      onStart: (child) => child.stdout?.once('data', () => setTimeout(() => child.kill('SIGINT'), 150)),
    });
    expect(result.code).toBe(130);
    const database = new Database(path, { readonly: true });
    expect(database.prepare('SELECT name FROM sqlite_schema ORDER BY name').pluck().all()).toEqual([
      't',
      'tradedb_migrations',
    ]);
    expect(database.prepare('SELECT version FROM tradedb_migrations').pluck().all()).toEqual(['1']);
    database.close();
  });
});

describe('bad input', () => {
  test.each([['up'], ['down', '--yes'], ['status'], ['plan']])(
    '%s: what is no database has its code',
    async (...words) => {
      const { cwd } = workplace(two);
      writeFileSync(join(cwd, 'text.db'), 'only text\n'.repeat(500));
      writeFileSync(join(cwd, 'empty.db'), '');
      mkdirSync(join(cwd, 'folder.db'));
      const before = folderState(cwd);
      for (const [name, code] of Object.entries({ 'missing.db': 10, 'text.db': 12, 'empty.db': 12, 'folder.db': 12 })) {
        const result = await tradedb(['migrate', ...words, '-d', name, '--json'], { cwd });
        expect(result.stdout).toBe('');
        expect(parseError(result), result.stderr).toMatchObject({ exitCode: code });
        expect(result.code).toBe(code);
      }
      expect(folderState(cwd)).toEqual(before);
    },
  );

  test('a missing folder, an unknown version, a broken file', async () => {
    const { cwd, run } = workplace(two);
    expect((await run('up', '--create', '--dir', 'nowhere')).code).toBe(10);
    expect(folderState(cwd)).not.toHaveProperty('my data.db');
    await run('up', '--create', '--steps', '1');
    expect((await run('up', '--to', '77')).code).toBe(2);
    writeFileSync(join(cwd, 'migrations/20260303093000_x.sql'), 'SELECT 1;\0');
    const broken = await run('status', '--json');
    expect(broken.code).toBe(2);
    expect(parseError(broken).message).toBe('20260303093000_x.sql:1 holds a NUL character');
  });

  test('a locked database: 11 within the timeout', async () => {
    const { run, path } = workplace(two);
    await run('up', '--create', '--steps', '1');
    const writer = new Database(path);
    writer.exec('BEGIN IMMEDIATE');
    const result = await run('up', '--lock-timeout', '200ms');
    writer.exec('ROLLBACK');
    writer.close();
    expect(result.code).toBe(11);
    expect(result.stdout).toContain('was locked by another process');
    expect((await run('up')).code).toBe(0);
  });
});
