import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { HealthRulesData } from '../../src/commands/health/rules.ts';
import type { HealthData } from '../../src/core/health/health-data.ts';
import { referenceMigrationsFolder } from '../../src/core/trading/migrations-folder.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { DamagedFile, leaveWal } from '../support/database-damage.ts';
import { fileState } from '../support/file-state.ts';
import { makeSoundDatabase } from '../support/sound-database.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const holderScript = fileURLToPath(new URL('../support/sqlite-holder.mjs', import.meta.url));

/** A folder with an awkward name, and the run state elsewhere so that the file list can be compared. */
function home(): { folder: string; path: string; env: Record<string, string> } {
  const outer = temporaryFolder();
  const folder = join(outer, "my 'data' %s\nfolder");
  mkdirSync(folder);
  return { folder, path: join(folder, 'trading.db'), env: { TRADEDB_STATE_DIRECTORY: join(outer, 'state') } };
}

async function hold(path: string, what: string): Promise<void> {
  const child = spawn(process.execPath, [holderScript, path, what], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child.stdout!, 'data');
}

function statusOf(data: HealthData, id: string): string | undefined {
  return data.checks.find((row) => row.id === id)?.status;
}

describe('a sound database', () => {
  test.each([['quick'], ['daily'], ['deep']])('is ok in the %s tier, and no file changes or appears', async (tier) => {
    const { folder, path, env } = home();
    makeSoundDatabase(path);
    const before = fileState(folder);
    const text = await tradedb(['health', '-d', path, '--tier', tier], { env });
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(/^trading\.db .* WAL .* OK$/m);
    expect(text.stdout).toMatch(/^ {2}structure\.page +ok +\d+ pages, 0 damaged/m);
    const json = await tradedb(['health', '-d', path, '--tier', tier, '--json'], { env });
    const { data, status } = parseReport<HealthData>(json);
    expect(status).toBe('ok');
    expect(data.tier).toBe(tier);
    expect(statusOf(data, 'sqlite.integrity')).toBe(tier === 'deep' ? 'ok' : undefined);
    expect(fileState(folder)).toEqual(before);
  });

  test('a left-over WAL is read, not recovered', async () => {
    const { folder, path, env } = home();
    leaveWal(path);
    const before = fileState(folder);
    const { data } = parseReport<HealthData>(await tradedb(['health', '-d', path, '--full', '--json'], { env }));
    expect(data.checks.find(({ id }) => id === 'wal.chain')?.value).toBeGreaterThan(5);
    expect(data.checks.find(({ id }) => id === 'sqlite.integrity')).toMatchObject({ status: 'ok', ranOn: 'copy' });
    expect(fileState(folder)).toEqual(before);
  });

  test('beside a connection the rows are checked in place, and its locks stay', async () => {
    const { path, env } = home();
    makeSoundDatabase(path);
    await hold(path, 'read');
    const { data } = parseReport<HealthData>(await tradedb(['health', '-d', path, '--full', '--json'], { env }));
    expect(data.database.connectedProcesses).toBe(1);
    expect(data.checks.find(({ id }) => id === 'sqlite.quick')).toMatchObject({ status: 'ok', ranOn: 'copy' });
    const daily = await tradedb(['health', '-d', path, '--tier', 'daily', '--json'], { env });
    const live = parseReport<HealthData>(daily).data.checks.find(({ id }) => id === 'sqlite.quick');
    expect(live).toMatchObject({ status: 'ok', ranOn: 'live' });
    expect(data.checks.find(({ id }) => id === 'sqlite.integrity')).toMatchObject({ status: 'ok', ranOn: 'copy' });
  });

  test('through a symbolic link the same files are looked at', async () => {
    const { folder, path, env } = home();
    leaveWal(path);
    symlinkSync(path, join(folder, 'link.db'));
    const { data } = parseReport<HealthData>(
      await tradedb(['health', '-d', join(folder, 'link.db'), '--json'], { env }),
    );
    expect(data.database.path).toBe(path);
    expect(data.checks.find(({ id }) => id === 'wal.chain')?.value).toBeGreaterThan(5);
  });

  test('--tier due runs the deep tier first and then the quick one', async () => {
    const { path, env } = home();
    makeSoundDatabase(path);
    const due = ['health', '-d', path, '--tier', 'due', '--json'];
    expect(parseReport<HealthData>(await tradedb(due, { env })).data.tier).toBe('deep');
    expect(parseReport<HealthData>(await tradedb(due, { env })).data.tier).toBe('quick');
  });

  test('--only and --skip choose by glob; a name that is no check is refused', async () => {
    const { path, env } = home();
    makeSoundDatabase(path);
    const ids = async (...options: string[]): Promise<string[]> => {
      const result = await tradedb(['health', '-d', path, '--json', ...options], { env });
      return parseReport<HealthData>(result).data.checks.map(({ id }) => id);
    };
    expect(await ids('--only', 'wal.*', '--skip', 'wal.reader')).toEqual([
      'wal.foreign',
      'wal.chain',
      'wal.lost',
      'wal.backlog',
    ]);
    const wrong = await tradedb(['health', '-d', path, '--only', 'wall.*'], { env });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('wall.*');
  });

  test('a page scan under a budget goes on where it stopped', async () => {
    const { path, env } = home();
    makeSoundDatabase(path, { pageSize: 512, rows: 4000 });
    const scan = async () => {
      const result = await tradedb(['health', '-d', path, '--json', '--scan-budget', '1us'], { env });
      return parseReport<HealthData>(result).data.scan;
    };
    const first = await scan();
    expect(first?.complete).toBe(false);
    expect(first?.pagesScanned).toBeLessThan(first?.pagesTotal ?? 0);
    const state = join(env.TRADEDB_STATE_DIRECTORY ?? '', 'health');
    expect(existsSync(state)).toBe(true);
    expect((await scan())?.pagesScanned).toBeGreaterThan(0);
  });
});

describe('a damaged database', () => {
  test('is reported with exit 12, and SQLite never opens it', async () => {
    const { folder, path, env } = home();
    makeSoundDatabase(path);
    const file = new DamagedFile(path, 7);
    const page = file.pick(file.treePages('trade', 13));
    file.page(page).fill(0);
    file.save();
    const before = fileState(folder);
    const text = await tradedb(['health', '-d', path, '--full'], { env });
    expect(text.code).toBe(12);
    expect(text.stdout).toMatch(/CRITICAL$/m);
    expect(text.stdout).toContain(`page ${page} is a child of page`);
    expect(text.stdout).toContain('tradedb health recover');
    const { data } = parseReport<HealthData>(await tradedb(['health', '-d', path, '--full', '--json'], { env }));
    expect(statusOf(data, 'sqlite.integrity')).toBe('skipped');
    expect(data.damaged).toBe(true);
    expect(fileState(folder)).toEqual(before);
    expect((await tradedb(['health', '-d', path, '--nagios'], { env })).code).toBe(2);
  });

  test('a deleted WAL is noticed by the next run, and stays noticed', async () => {
    const { path, env } = home();
    leaveWal(path);
    expect((await tradedb(['health', '-d', path], { env })).code).toBe(0);
    rmSync(`${path}-wal`);
    for (let run = 0; run < 2; run++) {
      const result = await tradedb(['health', '-d', path], { env });
      expect(result.code).toBe(12);
      expect(result.stdout).toMatch(/wal\.lost +critical/);
    }
  });
});

describe('bad input', () => {
  test.each([
    ['a missing file', 'database_not_found', 10, () => {}],
    ['a folder', 'not_a_database', 12, (path: string) => mkdirSync(path)],
    ['an empty file', 'database_empty', 12, (path: string) => writeFileSync(path, '')],
  ])('%s: one line, a hint, its code', async (_, code, exitCode, make) => {
    const { path, env } = home();
    make(path);
    const result = await tradedb(['health', '-d', path, '--json'], { env });
    expect(result.code).toBe(exitCode);
    expect(parseError(result)).toMatchObject({ type: 'error', code, exitCode });
    expect(parseError(result).hint).not.toBeNull();
    const plugin = await tradedb(['health', '-d', path, '--nagios'], { env });
    expect(plugin).toMatchObject({ code: 2, stderr: '' });
    expect(plugin.stdout).toMatch(/^TRADEDB CRITICAL - .*\n$/);
  });

  test('a text file is reported as no database', async () => {
    const { path, env } = home();
    writeFileSync(path, 'just some words, no database at all\n'.repeat(200));
    const result = await tradedb(['health', '-d', path], { env });
    expect(result.code).toBe(12);
    expect(result.stdout).toMatch(/file\.kind +critical +it is not an SQLite database/);
    expect(readFileSync(path, 'utf8')).toContain('just some words');
  });

  test('a locked database: the files are checked, and exit 11 tells that the rows were not', async () => {
    const { path, env } = home();
    makeSoundDatabase(path, { journalMode: 'delete' });
    const db = new Database(path);
    onTestFinished(() => {
      db.close();
    });
    db.exec('BEGIN EXCLUSIVE');
    const result = await tradedb(['health', '-d', path, '--tier', 'daily', '--timeout', '2s', '--json'], { env });
    db.exec('ROLLBACK');
    expect(result.code).toBe(11);
    const { data } = parseReport<HealthData>(result);
    expect(data.locked).toBe(true);
    expect(statusOf(data, 'sqlite.quick')).toBe('unknown');
    expect(statusOf(data, 'file.kind')).toBe('ok');
  });

  test('a folder that nobody may write to is a warning, and the run state is not missed', async () => {
    const { folder, path } = home();
    makeSoundDatabase(path);
    chmodSync(folder, 0o555);
    onTestFinished(() => chmodSync(folder, 0o755));
    const result = await tradedb(['health', '-d', path], {
      env: { TRADEDB_STATE_DIRECTORY: join(path, 'below-a-file') },
    });
    expect(result.code).toBe(3);
    expect(result.stdout).toContain('the folder is read-only');
    expect(result.stderr).toContain('run state cannot be kept');
  });

  test.each([
    [['--threshold', 'wal.backlog=1:2'], '"1" is not a size'],
    [['--threshold', 'no.such=1B:2B'], 'checks with thresholds'],
    [['--threshold', 'wal.backlog=2GB:1GB'], 'critical must be worse'],
    [['--threshold', 'wal.backlog=,20:10'], 'begins behind its end'],
    [['--tier', 'never'], '--tier takes one of quick, daily, deep, due'],
    [['--perfdata', 'some'], '--perfdata takes one of'],
  ])('%j is refused', async (options, message) => {
    const { path, env } = home();
    makeSoundDatabase(path);
    const result = await tradedb(['health', '-d', path, ...options], { env });
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(message);
  });
});

describe('other forms', () => {
  test('thresholds of option and configuration decide, in the text and in the plugin line', async () => {
    const { path, env } = home();
    makeSoundDatabase(path);
    const result = await tradedb(
      ['health', '-d', path, '--threshold', 'database.size=1B:1GB', '--nagios', '--perfdata', 'all'],
      { env },
    );
    expect(result.code).toBe(1);
    const line = result.stdout.trimEnd();
    expect(line).toMatch(/^TRADEDB WARNING - database\.size: [^|\n]+ \(1 warning\) \| /);
    const metrics = line.slice(line.indexOf(' | ') + 3).split(' ');
    expect(metrics.length).toBeGreaterThan(6);
    for (const metric of metrics) {
      expect(metric).toMatch(/^'[\w.-]+'=-?\d+(\.\d+)?(B|s|%)?;(\d+(\.\d+)?:?)?;(\d+(\.\d+)?:?)?;0;\d*$/);
    }
    const ranged = ['health', '-d', path, '--threshold', 'database.size=@1:10GB,~:20GB', '--nagios'];
    const inRange = await tradedb(ranged, { env });
    expect(inRange.code).toBe(1);
    expect(inRange.stdout).toMatch(/'database_size'=\d+B;@1:10000000000;~:20000000000;0;/);
    const none = await tradedb(['health', '-d', path, '--nagios', '--perfdata', 'none'], { env });
    expect(none).toMatchObject({ code: 0 });
    expect(none.stdout).toMatch(/^TRADEDB OK - \d+ checks ok\n$/);
  });

  test('JUnit, Prometheus and markdown are drawn from the same report', async () => {
    const { path, env } = home();
    makeSoundDatabase(path);
    const junit = await tradedb(['health', '-d', path, '--tier', 'daily', '-f', 'junit'], { env });
    expect(junit.stdout).toMatch(/<testsuite name="quick" tests="\d+" failures="0" errors="0"/);
    expect(junit.stdout).toMatch(/<testcase classname="daily" name="sqlite\.quick"/);
    const prometheus = await tradedb(['health', '-d', path, '-f', 'prometheus'], { env });
    expect(prometheus.stdout).toMatch(/^tradedb_health_status\{.*check="structure\.page"\} 0$/m);
    expect(prometheus.stdout).toMatch(/^tradedb_wal_backlog_bytes\{.*\} \d+$/m);
    const markdown = await tradedb(['health', '-d', path, '-f', 'markdown'], { env });
    expect(markdown.stdout).toContain('structure.page');
  });

  test('own rules of the configuration find their offenders, and are remembered while nothing changes', async () => {
    const { folder, path, env } = home();
    makeSoundDatabase(path, { deleted: 0 });
    const config = join(folder, 'tradedb.config.json');
    const rule = { id: 'X-no-zero', sentence: 'no quantity is zero', tier: 'quick' };
    writeFileSync(
      config,
      JSON.stringify({
        health: {
          rules: [
            { ...rule, sql: 'SELECT id, qty FROM trade WHERE qty = 0' },
            {
              id: 'X-kept',
              sentence: 'no symbol is empty',
              tier: 'quick',
              sql: "SELECT id FROM trade WHERE symbol = ''",
            },
            { id: 'X-other', sentence: 'elsewhere', tier: 'quick', sql: 'SELECT 1 FROM not_here' },
          ],
        },
      }),
    );
    const run = async () =>
      parseReport<HealthData>(await tradedb(['health', '-d', path, '-c', config, '--json'], { env }));
    const first = await run();
    expect(statusOf(first.data, 'rule.X-no-zero')).toBe('critical');
    expect(first.findings.find(({ id }) => id === 'rule.X-no-zero')?.message).toMatch(/1 offender: id=6 qty=0/);
    expect(statusOf(first.data, 'rule.X-other')).toBe('skipped');
    expect(first.data.checks.find(({ id }) => id === 'rule.X-kept')).toMatchObject({ status: 'ok', ranOn: 'copy' });
    const second = await run();
    expect(second.data.checks.find(({ id }) => id === 'rule.X-kept')).toMatchObject({ status: 'ok', ranOn: 'none' });
    expect(statusOf(second.data, 'rule.X-no-zero')).toBe('critical');
    const db = new Database(path);
    db.exec('UPDATE trade SET qty = 1 WHERE qty = 0');
    db.close();
    const third = await run();
    expect(statusOf(third.data, 'rule.X-no-zero')).toBe('ok');
    expect(third.data.checks.find(({ id }) => id === 'rule.X-kept')).toMatchObject({ ranOn: 'copy' });
  });

  test('a rule that writes is refused, and changes nothing', async () => {
    const { folder, path, env } = home();
    makeSoundDatabase(path);
    const config = join(folder, 'tradedb.config.json');
    const sql = 'DELETE FROM trade RETURNING id';
    writeFileSync(config, JSON.stringify({ health: { rules: [{ id: 'X-bad', sentence: 's', tier: 'quick', sql }] } }));
    const before = fileState(folder);
    const result = await tradedb(['health', '-d', path, '-c', config, '--json'], { env });
    expect(result.code).toBe(3);
    expect(statusOf(parseReport<HealthData>(result).data, 'rule.X-bad')).toBe('unknown');
    expect(fileState(folder)).toEqual(before);
  });
});

describe('what other rooms know', () => {
  /** A folder with a configuration, the reference schema made by its own migrations, and a backup repository. */
  async function project(): Promise<{
    folder: string;
    path: string;
    run: (...words: string[]) => Promise<HealthData>;
  }> {
    const { folder, path } = home();
    const migrations = join(folder, 'migrations');
    cpSync(referenceMigrationsFolder, migrations, { recursive: true });
    writeFileSync(
      join(folder, 'tradedb.config.json'),
      JSON.stringify({
        database: { path: 'trading.db' },
        backup: { repositories: { main: { kind: 'folder', path: 'backups' } } },
      }),
    );
    expect((await tradedb(['migrate', 'up', '--create'], { cwd: folder })).code).toBe(0);
    const run = async (...words: string[]): Promise<HealthData> =>
      parseReport<HealthData>(await tradedb(['health', ...words, '--json'], { cwd: folder })).data;
    return { folder, path, run };
  }

  test('migrations: all applied is ok, a new file is pending, an edited one a conflict', async () => {
    const { folder, run } = await project();
    expect(statusOf(await run('--only', 'migration.state'), 'migration.state')).toBe('ok');
    writeFileSync(
      join(folder, 'migrations', '9001_more.sql'),
      '-- migrate:up\nCREATE TABLE more (x);\n\n-- migrate:down\nDROP TABLE more;\n',
    );
    const pending = (await run('--only', 'migration.state')).checks[0];
    expect(pending).toMatchObject({ status: 'warning', value: 1 });
    const [first = ''] = readdirSync(join(folder, 'migrations')).sort();
    appendFileSync(join(folder, 'migrations', first), '\n-- edited\n');
    expect((await run('--only', 'migration.state')).checks[0]).toMatchObject({ status: 'critical' });
  });

  test('the schema: as the last migration left it is ok, a change by hand is named', async () => {
    const { path, run } = await project();
    expect((await run('--only', 'schema.drift')).checks[0]).toMatchObject({ status: 'ok', value: 0 });
    const db = new Database(path);
    db.exec('CREATE INDEX by_hand ON fills(price); CREATE TABLE "also ""me" (x)');
    db.close();
    const [row] = (await run('--only', 'schema.drift')).checks;
    expect(row).toMatchObject({ status: 'warning', value: 2 });
    expect(row?.summary).toContain('table also "me is not in the migrations');
  });

  test('backups: none yet is a warning, a fresh one is ok, an old one is not unless nothing changed', async () => {
    const { folder, path, run } = await project();
    expect((await run('--only', 'backup.age')).checks[0]).toMatchObject({ status: 'warning' });
    expect((await tradedb(['backup'], { cwd: folder })).code).toBe(0);
    const fresh = (await run('--only', 'backup.age')).checks[0];
    expect(fresh).toMatchObject({ status: 'ok', unit: 'ms' });
    expect(fresh?.value).toBeGreaterThanOrEqual(0);
    const old = ['--only', 'backup.age', '--threshold', 'backup.age=1ms:2ms'];
    expect((await run(...old)).checks[0]).toMatchObject({ status: 'ok' });
    const db = new Database(path);
    db.exec('PRAGMA user_version = 7');
    db.close();
    expect((await run(...old)).checks[0]).toMatchObject({ status: 'critical' });
  });

  test('the rules of the trading schema: kept on a clean database, broken by a bad row', async () => {
    const { folder, path, run } = await project();
    const clean = await run('--tier', 'daily', '--only', 'rule.*');
    expect(clean.checks.length).toBeGreaterThan(25);
    expect(clean.checks.filter(({ status }) => status !== 'ok')).toEqual([]);
    const db = new Database(path);
    db.pragma('foreign_keys = OFF');
    db.pragma('ignore_check_constraints = ON');
    db.exec('INSERT INTO positions VALUES (1, 1, 0, 500, 0, NULL, 1)');
    db.close();
    const quick = await run('--only', 'rule.I12');
    expect(quick.checks[0]).toMatchObject({ status: 'critical', value: 1, tier: 'quick' });
    const daily = await run('--tier', 'daily', '--only', 'rule.*', '--only', 'sqlite.foreign-keys');
    expect(statusOf(daily, 'sqlite.foreign-keys')).toBe('critical');
    expect(statusOf(daily, 'rule.I26')).toBe('warning');
    const text = await tradedb(['health', '--tier', 'daily'], { cwd: folder });
    expect(text.stdout).toMatch(/^ {2}rule\.I12 +critical/m);
    expect(text.stdout).toMatch(/^ {2}rule\.\* +ok +\d+ business rules are kept/m);
  });
});

describe('health rules', () => {
  test('lists every check, with the last result on a database', async () => {
    const { path, env } = home();
    makeSoundDatabase(path);
    await tradedb(['health', '-d', path, '--tier', 'daily'], { env });
    const list = await tradedb(['health', 'rules', '-d', path], { env });
    expect(list.code).toBe(0);
    expect(list.stdout).toMatch(/^ {2}sqlite\.quick +daily +ok +\S.* quick_check finds nothing$/m);
    const { rules } = parseReport<HealthRulesData>(
      await tradedb(['health', 'rules', '-d', path, '--json'], { env }),
    ).data;
    const known = new Map(rules.map((rule) => [rule.id, rule]));
    expect(known.get('wal.backlog')).toMatchObject({ warning: 64 * 2 ** 20, unit: 'bytes', lastStatus: 'ok' });
    expect(known.get('sqlite.integrity')).toMatchObject({ lastStatus: null, lastRunAt: null });
    expect([...known.keys()].some((id) => id.startsWith('rule.'))).toBe(false);
  });

  test('explains one with its SQL; without a database the trading rules are there too', async () => {
    const folder = temporaryFolder();
    const result = await tradedb(['health', 'rules', '--explain', 'rule.I12'], { cwd: folder });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain('a flat position has no cost');
    expect(result.stdout).toContain('WHERE qty = 0 AND cost <> 0');
    const json = await tradedb(['health', 'rules', '--explain', 'wal.reader', '--json'], { cwd: folder });
    expect(parseReport<HealthRulesData>(json).data).toMatchObject({ explained: 'wal.reader', database: null });
  });

  test('an unknown name and a text file are refused', async () => {
    const { path } = home();
    const unknown = await tradedb(['health', 'rules', '--explain', 'wal.nothing']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('wal.backlog');
    writeFileSync(path, 'words\n'.repeat(500));
    expect((await tradedb(['health', 'rules', '-d', path])).code).toBe(12);
  });
});
