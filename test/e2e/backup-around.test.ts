import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { BackupCreateData } from '../../src/commands/backup/create.ts';
import type { BackupVerifyData } from '../../src/commands/backup/verify.ts';
import type { RestoreDrillData } from '../../src/commands/restore/drill.ts';
import type { RestoreRunData } from '../../src/commands/restore/run.ts';
import type { RestoreTableData } from '../../src/commands/restore/table.ts';
import { startArchive, writeCommits } from '../support/archive-runs.ts';
import { backUp } from '../support/backup-requests.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { createCountingDatabase } from '../support/counting-database.ts';
import { flipBit } from '../support/damage.ts';
import { fileState } from '../support/file-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function configure(folder: string, parts: Record<string, unknown>): void {
  writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify({ database: { path: 'a.db' }, ...parts }));
}

const note = (name: string, code = 0): readonly string[] => [
  process.execPath,
  '-e',
  `require('fs').appendFileSync(${JSON.stringify(name)}, JSON.stringify(Object.fromEntries(Object.entries(process.env).filter(([k]) => k.startsWith('TRADEDB_')))) + '\\n'); process.exit(${code})`,
];

const noted = (folder: string, name: string): Record<string, string>[] =>
  existsSync(join(folder, name))
    ? readFileSync(join(folder, name), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, string>)
    : [];

describe('around a backup', () => {
  it('runs the hooks: before can stop it, a failing after is a warning, a failure is told; the same around a swap', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 200 });
    const cwd = { cwd: folder };
    const hooks = { before: note('before'), after: note('after', 3), onFailure: note('failure') };
    configure(folder, {
      backup: { hooks },
      restore: { hooks: { beforeSwap: note('swap'), afterSwap: note('swapped') } },
    });
    const made = await tradedb(['backup', '--json'], cwd);
    expect(made.code, made.stderr).toBe(3);
    const report = parseReport<BackupCreateData>(made);
    expect(report.findings.map((finding) => finding.id)).toEqual(['hook.failed']);
    expect(noted(folder, 'before')[0]).toMatchObject({ TRADEDB_EVENT: 'before' });
    expect(noted(folder, 'after')[0]).toMatchObject({ TRADEDB_BACKUP_ID: report.data.backup?.id });
    expect(noted(folder, 'failure')).toEqual([]);
    const restored = await tradedb(['restore', '--replace', '--yes', '--json'], cwd);
    expect(restored.code, restored.stderr).toBe(0);
    expect(noted(folder, 'swap')[0]).toMatchObject({ TRADEDB_EVENT: 'beforeSwap' });
    expect(noted(folder, 'swapped')).toHaveLength(1);

    configure(folder, {
      backup: { hooks: { ...hooks, before: note('before', 1) } },
      restore: { hooks: { beforeSwap: ['/nowhere/program'] } },
    });
    const before = fileState(folder, (name) => /\.tradedb|before|failure|leases|-shm|-wal/.test(name));
    const stopped = await tradedb(['backup', '--json'], cwd);
    expect(stopped.code).toBe(1);
    expect(parseError(stopped).message).toContain('backup.hooks.before ended with 1');
    expect(noted(folder, 'failure')[0]?.TRADEDB_ERROR).toContain('ended with 1');
    const kept = await tradedb(['restore', '--replace', '--yes', '--json'], cwd);
    expect(parseError(kept).message).toContain('cannot be started');
    expect(fileState(folder, (name) => /\.tradedb|before|failure|leases|-shm|-wal/.test(name))).toEqual(before);
  }, 60_000);

  it('waits for another backup with --wait-lock, and names it otherwise', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 200 });
    configure(folder, { backup: { hooks: { before: [process.execPath, '-e', 'setTimeout(() => {}, 3000)'] } } });
    const launcher = join(import.meta.dirname, '../../bin/tradedb.js');
    const first = spawn(process.execPath, [launcher, 'backup', '-v'], { cwd: folder, stdio: 'ignore' });
    const ended = new Promise((resolve) => first.once('exit', resolve));
    while (!existsSync(join(folder, 'backups', 'leases'))) await new Promise((resolve) => setTimeout(resolve, 20));
    configure(folder, {});
    const refused = await tradedb(['backup', '--json'], { cwd: folder });
    expect(refused.code).toBe(11);
    expect(parseError(refused).message).toContain(`pid ${first.pid}`);
    const waited = await tradedb(['backup', '--wait-lock', '60s', '--json'], { cwd: folder });
    expect(waited.code, waited.stderr).toBe(0);
    expect(await ended).toBe(0);
  }, 60_000);
});

describe('ways to a state', () => {
  it('takes another base when one is damaged, another repository when that has no way left, and stops before a commit', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 200 });
    const archive = await startArchive(folder);
    await writeCommits(folder, { commits: 20 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const open = new Database(join(folder, 'a.db'));
    open.prepare('SELECT * FROM counter').get();
    const middle = await backUp(folder, { type: 'full' });
    await writeCommits(folder, { commits: 10, seed: 4 });
    await archive.stop();
    open.close();
    configure(folder, {
      backup: {
        label: 'test',
        repositories: { main: { kind: 'folder', path: 'backups' }, second: { kind: 'folder', path: 'second' } },
      },
    });
    const cwd = { cwd: folder };
    expect((await tradedb(['backup', '-R', 'second', '--json'], cwd)).code).toBe(0);
    const target = (name: string) => ['--target', join(folder, name), '--json'];
    const before = await tradedb(['restore', '--to-tx', '25', '--before', ...target('before.db')], cwd);
    expect(parseReport<RestoreRunData>(before).data.target.tx).toBe(24);
    expect((await tradedb(['restore', '--before', ...target('x.db')], cwd)).code).toBe(2);

    const drill = parseReport<RestoreDrillData>(await tradedb(['restore', 'drill', '--json'], cwd)).data;
    expect(drill).toMatchObject({ problems: [], target: { tx: 30 }, commits: 30 - 20 });
    const packs = (point: string) =>
      readdirSync(join(folder, 'backups'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.includes(point) && name.endsWith('.pack'))
        .map((name) => join(folder, 'backups', name));
    for (const pack of packs(middle.manifest.id)) flipBit(pack, 500);
    const around = await tradedb(['restore', '--to-tx', '25', ...target('around.db')], cwd);
    expect(around.code, around.stderr).toBe(3);
    const report = parseReport<RestoreRunData>(around);
    expect(report.data).toMatchObject({ routesTried: 2, target: { tx: 25 } });
    expect(report.findings[0]).toMatchObject({ id: 'restore.second_route', subject: middle.manifest.id });
    const whole = new Database(join(folder, 'around.db'), { readonly: true });
    expect(whole.pragma('integrity_check', { simple: true })).toBe('ok');
    whole.close();
    const verified = await tradedb(['backup', 'verify', '--json'], cwd);
    expect(verified.code).toBe(12);
    const { data, findings } = parseReport<BackupVerifyData>(verified);
    expect(data.problems).toMatchObject([{ affectedPoints: [middle.manifest.id], otherRoute: [middle.manifest.id] }]);
    expect(findings[0]?.message).toContain('another way exists for it');
    const table = await tradedb(['restore', 'table', 'entry', '--to-tx', '25', '--as', 'was', '--json'], cwd);
    expect(table.code, table.stderr).toBe(3);
    expect(parseReport<RestoreTableData>(table)).toMatchObject({
      data: { outcome: 'copied', routesTried: 2, target: { tx: 25 } },
      findings: [{ id: 'restore.second_route' }],
    });

    // Everywhere: a restore does not read what later commits have written anew.
    for (const pack of packs('')) for (let at = 600; at < statSync(pack).size; at += 200) flipBit(pack, at);
    const lost = parseReport<BackupVerifyData>(await tradedb(['backup', 'verify', '--json'], cwd)).data;
    expect(lost.problems.flatMap(({ otherRoute }) => otherRoute)).toEqual([]);
    const elsewhere = await tradedb(['restore', ...target('elsewhere.db')], cwd);
    expect(elsewhere.code, elsewhere.stderr).toBe(3);
    expect(expectedRows(join(folder, 'elsewhere.db'))).toBe(expectedRows(join(folder, 'a.db')));
    // Named, only this repository is meant.
    const named = await tradedb(['restore', '-R', 'main', ...target('named.db')], cwd);
    expect(named.code).toBe(12);
    expect(existsSync(join(folder, 'named.db'))).toBe(false);
    // The first repository is gone altogether.
    renameSync(join(folder, 'backups'), join(folder, 'away'));
    const gone = await tradedb(['restore', ...target('gone.db')], cwd);
    expect(gone.code, gone.stderr).toBe(3);
    expect(parseReport<RestoreRunData>(gone)).toMatchObject({
      data: { routesTried: 2, target: { tx: null } },
      findings: [{ id: 'restore.second_route', subject: 'main' }],
    });
    expect(expectedRows(join(folder, 'gone.db'))).toBe(expectedRows(join(folder, 'elsewhere.db')));
    expect(parseError(await tradedb(['restore', '--to-mark', 'x', ...target('x.db')], cwd))).toMatchObject({
      code: 'backup_not_found',
      message: expect.stringContaining('no backup repository'),
    });
  }, 60_000);
});

function expectedRows(path: string): number {
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare('SELECT count(*) FROM entry').pluck().get() as number;
  } finally {
    db.close();
  }
}
