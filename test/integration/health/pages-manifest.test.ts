import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { readKnownPages } from '../../../src/core/restore/known-pages.ts';
import { backUp, openTestRepository, testDatabaseId } from '../../support/backup-requests.ts';
import { testContext } from '../../support/context.ts';
import { createCountingDatabase } from '../../support/counting-database.ts';
import { fileState } from '../../support/file-state.ts';
import { checkHealth } from '../../support/health.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

async function check(folder: string, parts: Parameters<typeof checkHealth>[2] = {}) {
  const repository = await openTestRepository(join(folder, 'backups'));
  const pageEvidence = (backupId?: string) =>
    readKnownPages({ repository, databaseId: testDatabaseId, backupId, workers: 1 }, testContext());
  const facts = { pageEvidence };
  const result = await checkHealth(folder, join(folder, 'a.db'), {
    tier: 'daily',
    only: ['pages.manifest'],
    facts,
    ...parts,
  });
  return { ...result, row: result.data.checks.find(({ id }) => id === 'pages.manifest') };
}

/** Changes bytes as a disk does: without a trace in the times of the file. */
function rot(path: string, change: (bytes: Buffer) => void): void {
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  change(bytes);
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}

describe('pages.manifest', () => {
  it('finds rot in a value that no check of SQLite sees, and changes no file', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    const db = new Database(path);
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT)');
    const insert = db.prepare('INSERT INTO t (note) VALUES (?)');
    for (let row = 0; row < 300; row++) insert.run(`note number ${row}`);
    db.close();
    await sleep(80);
    await backUp(folder, { type: 'auto' });
    expect((await check(folder)).row).toMatchObject({ status: 'ok', value: 0 });
    rot(path, (bytes) => bytes.write('7', bytes.lastIndexOf('number 150') + 7));
    const before = fileState(folder);
    const sqlite = await checkHealth(folder, path, { tier: 'deep', only: ['sqlite.*', 'structure.*', 'index.vote'] });
    expect(sqlite.data.checks.filter(({ status }) => status !== 'ok')).toEqual([]);
    const { row, findings, data } = await check(folder);
    expect(row).toMatchObject({ status: 'critical', value: 1, unit: 'pages' });
    expect(findings[0]?.message).toMatch(/^1 page differs from backup/);
    expect(data.damaged).toBe(true);
    const after = fileState(folder);
    for (const [name, hash] of Object.entries(before)) if (name.startsWith('a.db')) expect(after[name]).toBe(hash);
  });

  it('is skipped with a reason where another page may simply be a newer one', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 300 });
    await backUp(folder, { type: 'auto' });
    const db = new Database(path);
    db.exec('CREATE TABLE later (x)');
    db.close();
    const { row } = await check(folder);
    expect(row).toMatchObject({ status: 'skipped' });
    expect(row?.reason).toMatch(/is not archived$/);
    const none = await checkHealth(folder, path, { tier: 'daily', only: ['pages.manifest'] });
    expect(none.data.checks[0]).toMatchObject({ status: 'skipped', reason: 'no backup repository is there' });
  });
});

describe('the deep tier on the backup', () => {
  it('runs the deep checks on the restored backup, and a damaged live file does not hide behind it', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 300 });
    await backUp(folder, { type: 'auto' });
    const parts = { tier: 'deep', deepOn: 'backup', only: ['sqlite.*', 'index.vote'] } as const;
    const { data } = await check(folder, parts);
    const places = Object.fromEntries(data.checks.map(({ id, ranOn, status }) => [id, `${ranOn} ${status}`]));
    expect(places).toEqual({
      'sqlite.quick': 'copy ok',
      'sqlite.foreign-keys': 'copy ok',
      'sqlite.integrity': 'backup ok',
      'index.vote': 'backup ok',
    });
    rmSync(join(folder, 'backups'), { recursive: true });
    const gone = await checkHealth(folder, path, { ...parts, facts: {} });
    expect(gone.data.checks.find(({ id }) => id === 'sqlite.integrity')).toMatchObject({ status: 'skipped' });
  });
});

describe('changes since the last run', () => {
  it('names the checks whose status is another one', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 300 });
    const first = await checkHealth(folder, path);
    expect(first.data).toMatchObject({ changes: [], previousRunAt: null });
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(4096)]));
    const second = await checkHealth(folder, path);
    expect(second.data.changes).toMatchObject([{ id: 'file.size', before: 'ok', after: 'warning' }]);
    expect(second.data.previousRunAt).not.toBeNull();
  });
});

describe('proofs of the backups', () => {
  it('a failed or old verification and drill are told, an unknown one is not', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 30 });
    const day = 86_400_000;
    const run = async (ageDays: number, passed: boolean) => {
      const at = testContext().clock.wallTime() - ageDays * day;
      const lastRun = () => ({ at, passed, summary: 'three backups' });
      const { data } = await checkHealth(folder, path, {
        only: ['backup.verified', 'backup.drill'],
        facts: { lastRun },
      });
      return data.checks.map(({ status }) => status);
    };
    expect(await run(1, true)).toEqual(['ok', 'ok']);
    expect(await run(9, true)).toEqual(['warning', 'ok']);
    expect(await run(40, true)).toEqual(['critical', 'warning']);
    expect(await run(1, false)).toEqual(['critical', 'critical']);
    const now = testContext().clock.wallTime();
    const known = async (here: number | undefined, there: { ageDays: number; passed: boolean }) => {
      const lastRun = () =>
        here === undefined ? undefined : { at: now - here * day, passed: true, summary: 'on this machine' };
      const verified = { at: now - there.ageDays * day, passed: there.passed, summary: 'by another machine' };
      const newestBackup = async () => ({ newestAt: now, id: 'x', count: 1, place: 'there', verified });
      const { data } = await checkHealth(folder, path, { only: ['backup.verified'], facts: { lastRun, newestBackup } });
      return [data.checks[0]?.status, data.checks[0]?.summary.includes('another')];
    };
    expect(await known(undefined, { ageDays: 1, passed: true })).toEqual(['ok', true]);
    expect(await known(20, { ageDays: 1, passed: true })).toEqual(['ok', true]);
    expect(await known(1, { ageDays: 20, passed: true })).toEqual(['ok', false]);
    expect(await known(2, { ageDays: 1, passed: false })).toEqual(['critical', true]);
    const { data } = await checkHealth(folder, path, { only: ['backup.verified'] });
    expect(data.checks[0]?.status).toBe('skipped');
  });
});
