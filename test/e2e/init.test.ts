import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { InitData } from '../../src/commands/init/init.ts';
import { makeReadOnly } from '../support/bad-inputs.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { folderState } from '../support/folder-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const smallSample = ['--sample', '--orders', '300', '--instruments', '6', '--days', '3'];

/** A folder whose name is as awkward as names can be. */
function awkwardFolder(): string {
  const folder = join(temporaryFolder(), `it's 100% "odd"\nfolder`);
  mkdirSync(folder);
  return folder;
}

describe('init', () => {
  test('makes database, configuration and migrations, and the other commands find them', async () => {
    const cwd = awkwardFolder();
    const result = await tradedb(['init', '-d', 'my data.db', '--yes', '--json'], { cwd });
    const report = parseReport<InitData>(result);
    expect(result.code).toBe(0);
    expect(report.data).toMatchObject({
      dryRun: false,
      config: { isNew: true },
      migrations: { applied: 8 },
      sample: null,
    });
    expect(readdirSync(cwd).sort()).toEqual(['migrations', 'my data.db', 'tradedb.config.json']);
    const status = await tradedb(['migrate', 'status'], { cwd });
    expect(status.stdout).toContain('schema matches 0008   nothing pending');
    const check = await tradedb(['config', 'check'], { cwd });
    expect(check.code, check.stderr).toBe(0);
    const down = await tradedb(['migrate', 'down', '--to', '0', '--yes'], { cwd });
    expect(down.code, down.stderr).toBe(0);
  });

  test('--sample needs no path and gives the same rows for the same seed', async () => {
    const digests: string[] = [];
    for (const seed of ['5', '5', '6']) {
      const cwd = temporaryFolder();
      const result = await tradedb(['init', ...smallSample, '--seed', seed, '--yes', '--json'], { cwd });
      const { data } = parseReport<InitData>(result);
      expect(data.sample).toMatchObject({ orders: 300, instruments: 6, days: 3, made: { lastDay: '2020-04-17' } });
      const database = new Database(join(cwd, 'trading.db'), { readonly: true });
      const hash = createHash('sha256');
      for (const table of ['orders', 'order_events', 'fills', 'postings', 'candles', 'ticks', 'audit_log']) {
        for (const row of database.prepare(`SELECT * FROM ${table}`).raw().iterate()) hash.update(JSON.stringify(row));
      }
      expect(database.prepare('SELECT count(*) FROM orders').pluck().get()).toBe(300);
      expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
      database.close();
      digests.push(hash.digest('hex'));
    }
    expect(digests[0]).toBe(digests[1]);
    expect(digests[2]).not.toBe(digests[0]);
  });

  test('text output', async () => {
    const cwd = temporaryFolder();
    const result = await tradedb(['init', ...smallSample, '--yes'], { cwd });
    expect(result.code).toBe(0);
    expect(result.stdout).toMatch(/trading\.db {2}[\d.]+ [kM]B {2}ok/);
    expect(result.stdout).toContain('8 files, 8 applied');
    expect(result.stdout).toMatch(/300 orders on 6 instruments, flow oms, seed 1/);
    expect(result.stdout).toMatch(/2020-04-15 to 2020-04-17: [\d,]+ fills, [\d,]+ rows at [\d,]+ rows\/s/);
  });

  test('a dry run tells the plan and writes nothing', async () => {
    const cwd = temporaryFolder();
    const result = await tradedb(['init', ...smallSample, '--dry-run', '--json'], { cwd });
    expect(parseReport<InitData>(result).data).toMatchObject({ dryRun: true, sample: { made: null } });
    expect((await tradedb(['init', '-d', 'deep/er/x.db', '--dry-run'], { cwd })).stdout).toContain(
      'nothing was written',
    );
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('makes the folder of the database, and says which configuration to name', async () => {
    const cwd = temporaryFolder();
    const result = await tradedb(['init', '-d', 'deep/er/x.db', '--yes'], { cwd });
    expect(result.code).toBe(0);
    expect(result.stdout).toContain('tradedb health --config deep/er/tradedb.config.json');
    const status = await tradedb(['migrate', 'status', '--config', 'deep/er/tradedb.config.json'], { cwd });
    expect(status.stdout).toContain('nothing pending');
  });

  test('keeps a configuration that names this database, with its settings', async () => {
    const cwd = temporaryFolder();
    const config = {
      database: { path: 'x.db', pageSize: '8192B' },
      migrations: { directory: 'sql', table: 'history' },
    };
    writeFileSync(join(cwd, 'tradedb.config.json'), JSON.stringify(config));
    const result = await tradedb(['init', '--yes', '--json'], { cwd });
    expect(parseReport<InitData>(result).data.config).toMatchObject({ isNew: false });
    expect(readdirSync(join(cwd, 'sql'))).toHaveLength(8);
    const database = new Database(join(cwd, 'x.db'), { readonly: true });
    expect(database.pragma('page_size', { simple: true })).toBe(8192);
    expect(database.prepare('SELECT count(*) FROM history').pluck().get()).toBe(8);
    database.close();
    expect(JSON.parse(readFileSync(join(cwd, 'tradedb.config.json'), 'utf8'))).toEqual(config);
  });
});

describe('init refuses and changes nothing:', () => {
  test.each<[string, (cwd: string) => void, readonly string[], number, string]>([
    [
      'a database that exists',
      (cwd) => writeFileSync(join(cwd, 'trading.db'), 'x'),
      ['--sample'],
      1,
      'database_exists',
    ],
    ['an empty file', (cwd) => writeFileSync(join(cwd, 'trading.db'), ''), ['--sample'], 1, 'database_exists'],
    ['a folder', (cwd) => mkdirSync(join(cwd, 'trading.db')), ['--sample'], 2, 'usage'],
    [
      'the configuration of another database',
      (cwd) => writeFileSync(join(cwd, 'tradedb.config.json'), '{"database":{"path":"other.db"}}'),
      ['-d', 'trading.db'],
      2,
      'usage',
    ],
    [
      'migrations that are there',
      (cwd) => {
        mkdirSync(join(cwd, 'migrations'));
        writeFileSync(join(cwd, 'migrations', '1_own.sql'), 'SELECT 1;');
      },
      ['--sample'],
      2,
      'usage',
    ],
    ['no path', () => {}, [], 2, 'usage'],
    ['an option of the sample alone', () => {}, ['-d', 'x.db', '--orders', '5'], 2, 'usage'],
    ['no instruments', () => {}, ['--sample', '--instruments', '0'], 2, 'usage'],
    ['two kinds of schedule', () => {}, ['-d', 'x.db', '--cron', '--systemd'], 2, 'usage'],
    ['a path through a file', (cwd) => writeFileSync(join(cwd, 'file'), ''), ['-d', 'file/x.db'], 10, 'file_not_found'],
  ])('%s', async (_, prepare, args, code, errorCode) => {
    const cwd = temporaryFolder();
    prepare(cwd);
    const before = folderState(cwd);
    const result = await tradedb(['init', ...args, '--yes', '--json'], { cwd });
    expect(result.code, result.stderr).toBe(code);
    expect(parseError(result)).toMatchObject({ code: errorCode });
    if (!args.includes('0')) expect(parseError(result).hint).toEqual(expect.any(String));
    expect(result.stdout).toBe('');
    expect(folderState(cwd)).toEqual(before);
  });

  test('a missing confirmation', async () => {
    const cwd = temporaryFolder();
    const result = await tradedb(['init', '--sample'], { cwd });
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('--yes');
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('a folder that cannot be written', async () => {
    const cwd = temporaryFolder();
    makeReadOnly(cwd);
    const result = await tradedb(['init', ...smallSample, '--yes', '--json'], { cwd });
    expect(result.code, result.stderr).toBe(1);
    expect(['read_only', 'permission_denied']).toContain(parseError(result).code);
  });

  test('an interrupt in the middle takes everything away again', async () => {
    const cwd = temporaryFolder();
    const path = join(cwd, 'new', 'trading.db');
    const result = await tradedb(['init', '-d', path, '--sample', '--orders', '3000000', '--yes'], {
      cwd,
      onStart: (child) => {
        const timer = setInterval(() => {
          if (!existsSync(`${path}.init-partial`)) return;
          clearInterval(timer);
          child.kill('SIGINT');
        }, 20);
        child.once('exit', () => clearInterval(timer));
      },
    });
    expect(result.code, result.stderr).toBe(130);
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('what a killed run left does not stand in the way of the next', async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, 'trading.db.init-partial'), 'left over');
    const result = await tradedb(['init', ...smallSample, '--yes'], { cwd });
    expect(result.code, result.stderr).toBe(0);
    expect(readdirSync(cwd).sort()).toEqual(['migrations', 'tradedb.config.json', 'trading.db']);
  });
});

describe('schedules', () => {
  // Where there is no sh there is no cron either.
  if (existsSync('/bin/sh')) {
    test('a printed cron line runs in sh as cron would run it', async () => {
      const cwd = join(temporaryFolder(), `it's 100% "odd" folder`);
      mkdirSync(cwd);
      expect((await tradedb(['init', '-d', 'a b.db', '--yes'], { cwd })).code).toBe(0);
      const result = await tradedb(['init', '--cron'], { cwd });
      expect(result.code).toBe(0);
      const lines = result.stdout.trim().split('\n');
      const line = lines.find((one) => one.includes(' vacuum optimize '));
      expect(line).toMatch(/^15 5 \* \* \* /);
      // cron turns an escaped percent sign back and gives the rest to sh.
      const command = (line ?? '').split(' ').slice(5).join(' ').replaceAll('\\%', '%');
      execFileSync('/bin/sh', ['-c', command], { cwd: '/' });
      expect(lines).toHaveLength(6);
    });
  }

  test('systemd units and JSON', async () => {
    const cwd = temporaryFolder();
    await tradedb(['init', '-d', 'a.db', '--yes'], { cwd });
    const text = await tradedb(['init', '--systemd'], { cwd });
    expect(text.stdout).toContain('# tradedb-backup.timer\n[Unit]');
    expect(text.stdout).toContain('OnCalendar=*-*-* 0/6:0:00');
    const monitor = text.stdout.slice(text.stdout.indexOf('# tradedb-monitor.service\n[Unit]'));
    expect(monitor).toContain('Type=notify\nNotifyAccess=all\nExecStart=');
    // The words that systemd would start are understood, and the timers alone run the jobs.
    const words = /^ExecStart=(.*)$/m.exec(monitor)?.[1]?.split(' ') ?? [];
    expect(words.slice(2, 6)).toEqual(['monitor', 'serve', '--schedules', 'off']);
    const json = await tradedb(['init', '--systemd', '--json'], { cwd });
    const { data } = parseReport<InitData>(json);
    expect(data.schedule).toMatchObject({ kind: 'systemd' });
    const cron = parseReport<InitData>(await tradedb(['init', '--cron', '--json'], { cwd }));
    expect(cron.data.schedule).toMatchObject({
      kind: 'cron',
      lines: expect.arrayContaining([expect.stringContaining('*/5')]),
    });
  });

  test('they need a database to be named', async () => {
    const result = await tradedb(['init', '--cron'], { cwd: temporaryFolder() });
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('no database is named');
  });
});
