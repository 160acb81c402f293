import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { BackupCreateData } from '../../src/commands/backup/create.ts';
import type { BackupListData } from '../../src/commands/backup/list.ts';
import type { BackupShowData } from '../../src/commands/backup/show-data.ts';
import type { BackupVerifyData } from '../../src/commands/backup/verify.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { createCountingDatabase, expectCommittedState, startWriter } from '../support/counting-database.ts';
import { flipBit, packsOf } from '../support/damage.ts';
import { fileState } from '../support/file-state.ts';
import { folderState } from '../support/folder-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

describe('tradedb backup', () => {
  it('backs up beside a writer, lists, shows and verifies', async () => {
    const folder = temporaryFolder(`tradedb b'"%\n-`);
    const database = join(folder, 'my trades.db');
    createCountingDatabase(database);
    await startWriter(database, 200);
    const args = ['-d', database, '--json'];
    const first = await tradedb(['backup', ...args, '--label', 'pre-open', '--keep', 'forever'], { cwd: folder });
    expect(first.code, first.stderr).toBe(0);
    const made = parseReport<BackupCreateData>(first).data;
    expect(made).toMatchObject({
      dryRun: false,
      backup: { type: 'full', parentId: null, label: 'pre-open', keepUntil: 'forever' },
      method: 'pages',
      codec: 'zstd:1',
      verification: { level: 1, passed: true },
    });
    const second = parseReport<BackupCreateData>(await tradedb(['backup', 'create', ...args], { cwd: folder })).data;
    expect(second.backup).toMatchObject({ type: 'incremental', parentId: made.backup?.id });
    expect(second.pages?.reused).toBeGreaterThan(0);

    const list = parseReport<BackupListData>(await tradedb(['backup', 'list', ...args], { cwd: folder })).data;
    expect(list.points.map((point) => point.id)).toEqual([second.backup?.id, made.backup?.id]);
    expect(list.points[1]).toMatchObject({
      database: 'my trades.db',
      label: 'pre-open',
      tombstoned: false,
      verifiedLevel: 1,
      keepReasons: ['last', 'pinned', 'parent'],
      position: { epoch: null, frame: expect.any(Number) },
    });
    expect(list.points[0]?.keepReasons).toEqual(['last', 'daily', 'weekly', 'monthly']);

    const suffix = made.backup?.id.slice(-4) ?? '';
    const show = parseReport<BackupShowData>(await tradedb(['backup', 'show', suffix, ...args], { cwd: folder })).data;
    expect(show.children).toEqual([second.backup?.id]);
    expect(show.manifest?.database.path).toBe(database);
    for (const object of show.objects) expect(existsSync(join(folder, 'backups', object.key))).toBe(true);

    const verify = await tradedb(['backup', 'verify', ...args, '--level', '4', '--temp', folder], { cwd: folder });
    expect(verify.code, verify.stderr).toBe(0);
    const verified = parseReport<BackupVerifyData>(verify).data;
    expect(verified.restored.map((one) => one.passed)).toEqual([true, true]);
    expect(verified.problems).toEqual([]);
    expect(readdirSync(folder).filter((name) => name.startsWith('tradedb-drill'))).toEqual([]);
    const after = parseReport<BackupListData>(await tradedb(['backup', 'list', ...args], { cwd: folder })).data;
    expect(after.points.map(({ verifiedLevel }) => verifiedLevel)).toEqual([4, 4]);
    expect(Date.parse(after.points[0]?.verifiedAt ?? '')).toBeGreaterThan(Date.parse(made.backup?.createdAt ?? ''));
  });

  it('draws text that people can read, in 80 columns and in colour', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'a.db');
    createCountingDatabase(database);
    const created = await tradedb(['backup', '-d', database], { cwd: folder });
    expect(created.stdout).toMatch(/^\d{8}T\d{4}Z-[a-z2-7]{4} {2}full {2}ok\n {2}from/);
    expect(created.stdout).toMatch(/stored {4}[\d.]+ kB of [\d.]+ MB \(zstd:1\)/);
    const list = await tradedb(['backup', 'list', '-d', database], { cwd: folder, env: { COLUMNS: '80' } });
    for (const line of list.stdout.split('\n').slice(2)) expect(line.length).toBeLessThanOrEqual(140);
    expect(list.stdout).toContain('if the database were lost now');
    const show = await tradedb(['backup', 'show', created.stdout.slice(0, 19), '-d', database, '--color', 'always'], {
      cwd: folder,
    });
    expect(show.stdout).toContain('\u001b[1m');
    const metrics = await tradedb(['backup', 'list', '-d', database, '-f', 'prometheus'], { cwd: folder });
    expect(metrics.stdout).toMatch(/tradedb_backup_last_success_timestamp_seconds\{[^}]*database="a.db"/);
    const junit = await tradedb(['backup', 'verify', '-d', database, '-f', 'junit'], { cwd: folder });
    expect(junit.stdout).toContain('<testcase');
  });

  it('a dry run writes nothing, and no command changes the database', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'a.db');
    createCountingDatabase(database);
    const app = new Database(database);
    app.exec('UPDATE entry SET body = 1 WHERE id = 1');
    const before = fileState(folder);
    const plan = await tradedb(['backup', '-d', database, '--dry-run', '--json'], { cwd: folder });
    expect(plan.code, plan.stderr).toBe(0);
    expect(parseReport<BackupCreateData>(plan).data.plan).toMatchObject({ type: 'full', newRepository: true });
    expect(fileState(folder)).toEqual(before);
    app.close();

    await tradedb(['backup', '-d', database], { cwd: folder });
    const { 'a.db': bytes } = folderState(folder);
    // What is remembered of a run or a verification is no part of the backups.
    const isMemory = (name: string): boolean => name.startsWith('.tradedb') || name.includes('verified');
    const withRepository = fileState(folder, isMemory);
    for (const args of [
      ['backup', '--dry-run'],
      ['backup', 'list'],
      ['backup', 'verify', '--level', '3'],
    ]) {
      const run = await tradedb([...args, '-d', database], { cwd: folder });
      expect(run.code, run.stderr).toBe(0);
      expect(fileState(folder, isMemory)).toEqual(withRepository);
    }
    await tradedb(['backup', '-d', database], { cwd: folder });
    expect(folderState(folder)['a.db']).toBe(bytes);
  });

  it('finds a flipped bit at level 2 and says which backups are affected', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'a.db');
    createCountingDatabase(database);
    await tradedb(['backup', '-d', database], { cwd: folder });
    await tradedb(['backup', '-d', database], { cwd: folder });
    const pack = packsOf(join(folder, 'backups'))[0]!;
    flipBit(pack, 5000);
    const result = await tradedb(['backup', 'verify', '-d', database, '--json'], { cwd: folder });
    expect(result.code).toBe(12);
    const { data, findings } = parseReport<BackupVerifyData>(result);
    expect(data.objects).toMatchObject({ damaged: 1, missing: 0 });
    expect(data.problems[0]?.affectedPoints).toHaveLength(2);
    const listed = parseReport<BackupListData>(
      await tradedb(['backup', 'list', '-d', database, '--json'], { cwd: folder }),
    );
    expect(listed.data.points.map(({ verifiedLevel }) => verifiedLevel)).toEqual([0, 0]);
    expect((await tradedb(['backup', 'list', '-d', database], { cwd: folder })).stdout).toMatch(/incr .* damaged /);
    expect(findings[0]).toMatchObject({ id: 'backup.damaged', severity: 'critical' });
    const restore = await tradedb(['restore', '-d', database, '--target', join(folder, 'b.db'), '--json'], {
      cwd: folder,
    });
    expect(restore.code).toBe(12);
    expect(parseError(restore).message).toContain('sha256 differs');
    expect(existsSync(join(folder, 'b.db'))).toBe(false);
  });

  it('refuses what it cannot do, with one line, a hint and the code', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'a.db');
    createCountingDatabase(database);
    const failure = async (args: string[], code: number, text: RegExp) => {
      const result = await tradedb([...args, '-d', database, '--json'], { cwd: folder });
      expect(result.code, result.stderr).toBe(code);
      expect(parseError(result).message).toMatch(text);
      expect(parseError(result).hint).not.toBe('');
    };
    await failure(['backup', 'list'], 10, /no backup repository/);
    await failure(['backup', 'verify'], 10, /no backup repository/);
    await failure(['restore', '--target', join(folder, 'b.db')], 10, /no backup repository/);
    await failure(['backup', '--codec', 'zip'], 2, /no codec/);
    await failure(['backup', '--keep', 'soon'], 2, /not a duration/);
    await failure(['backup', '-R', 'nowhere'], 2, /no repository "nowhere"/);
    await failure(['backup', '-R', folder], 12, /is not empty and no backup repository/);
    expect(readFileSync(database).length).toBeGreaterThan(0);
    expect(expectCommittedState(database)).toBe(5000);
    await tradedb(['backup', '-d', database], { cwd: folder });
    await failure(['backup', 'show', 'zzzz'], 10, /no backup, mark or epoch "zzzz"/);
    await failure(['backup', 'verify', 'zzzz'], 10, /no backup to verify/);
    await failure(['restore', '--backup', 'zzzz', '--target', join(folder, 'b.db')], 10, /no backup "zzzz"/);
    await failure(['restore', '--to-time', '2026-01-01T00:00:00', '--target', 'b.db'], 2, /no time with a zone/);
    await failure(['restore', '--to-time', '2001-01-01T00:00:00Z', '--target', 'b.db'], 10, /no backup as old as/);
    await failure(['restore'], 1, /exists already/);
    await failure(['restore', '--replace'], 2, /needs a confirmation/);
    await failure(['restore', 'run', '--resume'], 2, /no restore of .* was interrupted/);
  });
});
