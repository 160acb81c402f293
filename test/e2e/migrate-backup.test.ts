import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { MigrateDownData } from '../../src/commands/migrate/down.ts';
import type { MigrateUpData } from '../../src/commands/migrate/up.ts';
import { parseReport, tradedb } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function workplace(files: Readonly<Record<string, string>>) {
  const cwd = temporaryFolder();
  mkdirSync(join(cwd, 'migrations'));
  const write = (file: string, text: string): void => writeFileSync(join(cwd, 'migrations', file), text);
  for (const [file, text] of Object.entries(files)) write(file, text);
  const run = (...args: string[]) => tradedb([...args, '-d', 'data.db'], { cwd });
  const rows = (): unknown => {
    const database = new Database(join(cwd, 'data.db'), { readonly: true });
    try {
      return database.prepare('SELECT id, note FROM t').all();
    } finally {
      database.close();
    }
  };
  return { cwd, run, write, rows };
}

const first = {
  '1_t.sql':
    "-- migrate:up\nCREATE TABLE t(id INTEGER PRIMARY KEY, note TEXT);\nINSERT INTO t VALUES(1, 'keep me');\n-- migrate:down\nDROP TABLE t;",
};

describe('the backup before a migration that loses data', () => {
  test('is made, and brings the rows back with the command that is shown', async () => {
    const { cwd, run, write, rows } = workplace(first);
    const fresh = parseReport<MigrateUpData>(await run('migrate', 'up', '--create', '--json'));
    expect(fresh.data.backup).toBeNull();
    expect(readdirSync(cwd).sort()).toEqual(['data.db', 'migrations']);
    write('2_drop.sql', '-- migrate:up irreversible\nALTER TABLE t DROP COLUMN note;');
    const up = await run('migrate', 'up');
    expect(up.code).toBe(0);
    const [, id] = /^safety backup (\S+) in/.exec(up.stdout) ?? [];
    expect(up.stdout).toContain('bring it back with: tradedb migrate undo');
    expect(() => rows()).toThrow('no such column: note');
    expect((await run('restore', '--backup', String(id), '--replace', '--yes')).code).toBe(0);
    expect(rows()).toEqual([{ id: 1, note: 'keep me' }]);
    expect((await run('migrate', 'status')).stdout).toContain('1 file pending');
  });

  test('is left out without rows to lose and with --backup never, made with always', async () => {
    const { run, write } = workplace(first);
    await run('migrate', 'up', '--create');
    write(
      '2_add.sql',
      '-- migrate:up\nALTER TABLE t ADD COLUMN x;\nCREATE TABLE empty(a);\n-- migrate:down\nSELECT 1;',
    );
    write('3_drop.sql', '-- migrate:up\nDROP TABLE empty;\n-- migrate:down\nCREATE TABLE empty(a);');
    write('4_update.sql', '-- migrate:up\nUPDATE t SET x = 1;\n-- migrate:down\nDELETE FROM t WHERE id = 99;');
    const backupOf = async (...args: string[]) =>
      parseReport<MigrateUpData>(await run('migrate', 'up', '--json', ...args)).data.backup;
    expect(await backupOf('--to', '3')).toBeNull();
    expect(await backupOf('--backup', 'never')).toBeNull();
    const down = parseReport<MigrateDownData>(await run('migrate', 'down', '--yes', '--json'));
    expect(down.data.backup).toMatchObject({ repository: 'backups' });
    expect(await backupOf('--backup', 'always')).not.toBeNull();
    expect(await backupOf('--backup', 'always')).toBeNull();
  });

  test('four at once: one backs up, all end with 0, the file is applied once', async () => {
    const { run, write } = workplace(first);
    await run('migrate', 'up', '--create');
    write('2_drop.sql', '-- migrate:up irreversible\nALTER TABLE t DROP COLUMN note;');
    const results = await Promise.all([1, 2, 3, 4].map(() => run('migrate', 'up', '--json', '--lock-timeout', '60s')));
    expect(results.map((result) => [result.code, result.stderr])).toEqual([1, 2, 3, 4].map(() => [0, '']));
    const reports = results.map((result) => parseReport<MigrateUpData>(result).data);
    expect(reports.reduce((sum, data) => sum + data.applied.length, 0)).toBe(1);
    expect(reports.some((data) => data.backup !== null)).toBe(true);
  });
});
