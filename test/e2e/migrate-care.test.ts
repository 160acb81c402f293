import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { MigrateBaselineData } from '../../src/commands/migrate/baseline.ts';
import type { MigrateDriftData } from '../../src/commands/migrate/drift.ts';
import type { MigrateImportHistoryData } from '../../src/commands/migrate/import-history.ts';
import type { MigrateLintData } from '../../src/commands/migrate/lint.ts';
import type { MigrateResolveData } from '../../src/commands/migrate/resolve.ts';
import type { MigrateSquashData } from '../../src/commands/migrate/squash.ts';
import type { MigrateVerifyData } from '../../src/commands/migrate/verify.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { folderState } from '../support/folder-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const files = {
  '1_trades.sql':
    '-- migrate:up\nCREATE TABLE trades(id INTEGER PRIMARY KEY, px REAL);\n-- migrate:verify\nSELECT id, px FROM trades WHERE px < 0;',
  '2_index.sql': 'CREATE INDEX trades_px ON trades(px);',
};

function workplace(inFolder: Readonly<Record<string, string>> = files) {
  const cwd = temporaryFolder();
  mkdirSync(join(cwd, 'migrations'));
  for (const [file, text] of Object.entries(inFolder)) writeFileSync(join(cwd, 'migrations', file), text);
  const run = (...args: string[]) => tradedb(['migrate', ...args, '-d', 'data.db'], { cwd });
  const sql = (text: string): void => {
    const database = new Database(join(cwd, 'data.db'));
    database.exec(text);
    database.close();
  };
  return { cwd, run, sql };
}

describe('migrate verify, drift, dump, resolve, baseline, import-history', () => {
  test('verify: 0, 12 with rows, 14 with an edit; JUnit; nothing written', async () => {
    const { cwd, run, sql } = workplace();
    await run('up', '--create');
    const before = folderState(cwd);
    expect((await run('verify')).stdout).toContain('everything holds');
    expect(folderState(cwd)).toEqual(before);
    sql('INSERT INTO trades(px) VALUES(-1)');
    const failing = await run('verify', '--json');
    expect(failing.code).toBe(12);
    expect(parseReport<MigrateVerifyData>(failing).data.checks).toMatchObject([
      { rowCount: 1, sampleRows: [{ px: -1 }] },
    ]);
    expect((await run('verify', '-f', 'junit')).stdout).toContain('<failure');
    writeFileSync(join(cwd, 'migrations/2_index.sql'), 'SELECT 1;');
    expect((await run('verify', '--checksums-only')).code).toBe(14);
    expect((await run('verify', '77')).code).toBe(2);
  });

  test('drift: 0 and 13, with the repair; dump --check', async () => {
    const { cwd, run, sql } = workplace();
    await run('up', '--create');
    expect((await run('drift')).stdout).toContain('no difference');
    const dump = await run('dump', '-o', 'schema.sql');
    expect(dump.code).toBe(0);
    expect(readFileSync(join(cwd, 'schema.sql'), 'utf8')).toContain('CREATE INDEX trades_px ON trades(px);');
    expect((await run('dump', '--check', 'schema.sql')).code).toBe(0);
    sql('DROP INDEX trades_px');
    const before = folderState(cwd);
    const drift = await run('drift', '--json');
    expect(drift.code).toBe(13);
    expect(parseReport<MigrateDriftData>(drift).data.objects).toMatchObject([{ change: 'missing', name: 'trades_px' }]);
    const text = await run('drift', '--from-files', '--sql');
    expect(text.stdout).toContain('CREATE INDEX trades_px ON trades(px);');
    expect((await run('dump', '--check', 'schema.sql')).stdout).toContain('- CREATE INDEX');
    expect(parseReport(await run('dump', '--json')).status).toBe('ok');
    expect(folderState(cwd)).toEqual(before);
    expect((await run('status')).stdout).toContain('schema differs from 2');
  });

  test('resolve needs one way and a reason', async () => {
    const { cwd, run } = workplace();
    await run('up', '--create');
    writeFileSync(join(cwd, 'migrations/2_index.sql'), `${files['2_index.sql']} -- comment`);
    expect(parseError(await run('resolve', '2', '--accept-edit', '--json')).message).toBe('a reason is missing');
    expect((await run('resolve', '2', '--reason', 'x')).code).toBe(2);
    expect((await run('resolve', '2', '--accept-edit', '--forget', '--reason', 'x')).code).toBe(2);
    expect((await run('resolve', '2', '--accept-edit', '--reason', 'x', '--dry-run')).stdout).toContain('would record');
    expect((await run('status')).code).toBe(14);
    const resolved = await run('resolve', '2', '--accept-edit', '--reason', 'a comment', '--json');
    expect(parseReport<MigrateResolveData>(resolved).data.events).toMatchObject([{ version: '2', event: 'accepted' }]);
    expect((await run('status')).code).toBe(0);
  });

  test('baseline: 13 until the schema is that of the files', async () => {
    const { run, sql } = workplace();
    sql('CREATE TABLE trades(id INTEGER PRIMARY KEY, px REAL)');
    const differs = await run('baseline', '--json');
    expect(differs.code).toBe(13);
    expect(parseReport<MigrateBaselineData>(differs).data.events).toEqual([]);
    expect((await run('baseline', '--version', '1')).stdout).toContain('recorded 1 version up to 1');
    const up = await run('up');
    expect(up.stdout).toContain('1 migration applied');
    expect((await run('baseline')).code).toBe(2);
  });

  test('import-history', async () => {
    const { run, sql } = workplace();
    sql(`CREATE TABLE schema_migrations(version TEXT PRIMARY KEY); INSERT INTO schema_migrations VALUES('1'), ('3');
      CREATE TABLE trades(id INTEGER PRIMARY KEY, px REAL)`);
    expect((await run('import-history')).code).toBe(2);
    const refused = await run('import-history', '--from', 'dbmate', '--json');
    expect(refused.code).toBe(1);
    expect(parseReport<MigrateImportHistoryData>(refused).data.missing).toEqual(['3']);
    expect((await run('import-history', '--from', 'dbmate', '--allow-missing')).stdout).toContain(
      'recorded 2 versions',
    );
    expect((await run('status')).stdout).toMatch(/2 +index +late/);
  });

  test.each([
    ['verify'],
    ['drift'],
    ['dump'],
    ['baseline'],
    ['import-history', '--from', 'knex'],
    ['resolve', '1', '--forget', '--reason', 'x'],
  ])('%s: what is no database has its code', async (...words) => {
    const { cwd, run } = workplace();
    expect((await run(...words)).code).toBe(10);
    writeFileSync(join(cwd, 'data.db'), 'only text\n'.repeat(500));
    const before = folderState(cwd);
    expect((await run(...words)).code).toBe(12);
    expect(folderState(cwd)).toEqual(before);
  });
});

describe('migrate lint', () => {
  test('0, 3 and 4; with and without a database; JUnit', async () => {
    const { cwd, run } = workplace();
    const lint = (...args: string[]) => tradedb(['migrate', 'lint', ...args], { cwd });
    const warned = await lint('--json');
    expect(warned.code).toBe(3);
    expect(parseReport<MigrateLintData>(warned).data.hits.map((hit) => hit.code)).toEqual(['M014', 'M014']);
    expect((await lint('--ignore', 'M014')).code).toBe(0);
    expect((await lint('--fail-on', 'warning')).code).toBe(4);
    await run('up', '--create');
    expect((await run('lint')).stdout).toContain('0 files');
    writeFileSync(
      join(cwd, 'migrations/3_bad.sql'),
      '-- migrate:up irreversible\nALTER TABLE trades ADD COLUMN fee REAL NOT NULL;',
    );
    const before = folderState(cwd);
    const bad = await run('lint');
    expect(bad.code).toBe(4);
    expect(bad.stdout).toContain('3_bad.sql:2:1: M008 adds a NOT NULL column to trades without a default');
    expect((await run('lint', '1_trades.sql')).code).toBe(3);
    expect((await run('lint', 'none.sql')).code).toBe(10);
    expect((await run('lint', '-f', 'junit')).stdout).toContain('<failure');
    expect((await lint('--ignore', 'M999')).code).toBe(2);
    expect(folderState(cwd)).toEqual(before);
  });
});

test('lint --base: what two branches do to each other', async () => {
  const { cwd } = workplace();
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd, stdio: 'pipe' });
  const lint = (...args: string[]) =>
    tradedb(['migrate', 'lint', '--all', '--ignore', 'M014', ...args, '--json'], { cwd });
  git('init', '-q', '-b', 'main');
  writeFileSync(join(cwd, 'migrations/5_base.sql'), 'CREATE TABLE base(a);\r\n');
  git('add', '.');
  git('commit', '-q', '-m', 'base');
  const clean = await lint('--base', 'main');
  expect(clean.code).toBe(0);
  expect(parseReport<MigrateLintData>(clean).data.base).toEqual({ ref: 'main', problems: [], late: [] });
  writeFileSync(join(cwd, 'migrations/5_base.sql'), 'CREATE TABLE base(a);\n');
  writeFileSync(join(cwd, 'migrations/3_late.sql'), 'CREATE TABLE late(a);');
  writeFileSync(join(cwd, 'migrations/05_twin.sql'), 'CREATE TABLE twin(a);');
  writeFileSync(join(cwd, 'migrations/2_index.sql'), 'CREATE INDEX other ON trades(px);');
  writeFileSync(join(cwd, 'migrations/6_new.sql'), 'CREATE TABLE fresh(a);');
  rmSync(join(cwd, 'migrations/1_trades.sql'));
  const found = await lint('--base', 'main');
  expect(found.code).toBe(4);
  const { base } = parseReport<MigrateLintData>(found).data;
  expect(base?.late).toMatchObject([{ file: '3_late.sql', newer: ['5_base.sql'], independent: true }]);
  expect(base?.problems.map(({ kind, file }) => `${kind} ${file}`)).toEqual([
    'edited 2_index.sql',
    'late 3_late.sql',
    'duplicate 05_twin.sql',
    'removed 1_trades.sql',
  ]);
  expect((await lint('--base', 'nowhere')).code).toBe(2);
  expect((await lint('--base', '--output=x')).code).toBe(2);
});

describe('migrate squash', () => {
  test('the command, its report, and the database that had all files', async () => {
    const { cwd, run } = workplace({
      '1_a.sql': '-- migrate:up\nCREATE TABLE a(x);\nINSERT INTO a VALUES(1);\n-- migrate:down\nDROP TABLE a;',
      '2_b.sql': '-- migrate:up\nCREATE TABLE b(x);\n-- migrate:down\nDROP TABLE b;',
    });
    expect((await run('up', '--create')).code).toBe(0);
    const squash = (...args: string[]) => tradedb(['migrate', 'squash', ...args], { cwd });
    const dry = await squash('--dry-run');
    expect(dry.stdout).toContain('replaces=1..2,2');
    expect(dry.stdout).toContain('equal in schema and rows; nothing was written');
    const { data } = parseReport<MigrateSquashData>(await squash('--json'));
    expect(data).toMatchObject({
      equal: true,
      file: '2_squashed.sql',
      replaces: [{ file: '1_a.sql' }, { file: '2_b.sql' }],
    });
    expect(readdirSync(join(cwd, 'migrations')).sort()).toEqual(['2_squashed.sql', 'archived']);
    expect((await run('up')).stdout).toContain('1 migration applied');
    expect((await run('status')).stdout).toContain('nothing pending');
    expect((await run('drift', '--from-files')).code).toBe(0);
    expect((await run('verify')).code).toBe(0);
    expect((await squash()).code).toBe(2);
  });
});
