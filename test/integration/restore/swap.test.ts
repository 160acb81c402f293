import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { type RestoreIntent, writeIntent } from '../../../src/core/restore/intent.ts';
import { refusePendingRestore } from '../../../src/core/restore/pending.ts';
import { resumeSwap } from '../../../src/core/restore/resume.ts';
import { backUp, restoreTo } from '../../support/backup-requests.ts';
import { testContext } from '../../support/context.ts';
import { createCountingDatabase, expectCommittedState } from '../../support/counting-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { addRowInWal } from '../../support/wal-leftover.ts';

const options = { checkpoint: true, force: false, ownPid: process.pid };

/** A folder with a backup of 300 rows, and the database at 301 rows of which the last lies in the WAL only. */
async function prepare(): Promise<{ folder: string; path: string }> {
  const folder = temporaryFolder();
  const path = join(folder, 'a.db');
  createCountingDatabase(path, { rows: 300 });
  await backUp(folder);
  addRowInWal(path);
  return { folder, path };
}

describe('putting a backup in the place of a database', () => {
  test('keeps the old one complete, with what was only in its WAL', async () => {
    const { folder, path } = await prepare();
    const { oldDatabase, oldCheckpointed } = await restoreTo(folder, path, { replace: true });
    expect(oldCheckpointed).toBe(true);
    expect(expectCommittedState(path)).toBe(300);
    expect(expectCommittedState(oldDatabase!)).toBe(301);
    expect(existsSync(`${path}.restore-intent`)).toBe(false);
    expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
  });

  test('without a checkpoint the WAL of the old one goes aside with it', async () => {
    const { folder, path } = await prepare();
    const before = readFileSync(`${path}-wal`);
    const { oldDatabase } = await restoreTo(folder, path, { replace: true, checkpointOld: false });
    expect(readFileSync(`${oldDatabase}-wal`).equals(before)).toBe(true);
    expect(expectCommittedState(oldDatabase!)).toBe(301);
    expect(expectCommittedState(path)).toBe(300);
  });

  test('through a symbolic link the real file is replaced, and mode and owner stay', async () => {
    const { folder, path } = await prepare();
    chmodSync(path, 0o640);
    const owned = process.getuid?.() === 0;
    if (owned) chownSync(path, 12_345, 12_345);
    const link = join(folder, 'link.db');
    symlinkSync(path, link);
    await restoreTo(folder, link, { replace: true });
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(expectCommittedState(path)).toBe(300);
    const stats = statSync(path);
    expect(stats.mode & 0o777).toBe(0o640);
    if (owned) expect([stats.uid, stats.gid]).toEqual([12_345, 12_345]);
  });

  test('discards the old one when asked to', async () => {
    const { folder, path } = await prepare();
    expect((await restoreTo(folder, path, { replace: true, discardOld: true })).oldDatabase).toBeNull();
    expect(readdirSync(folder).filter((name) => name.includes('before'))).toEqual([]);
    expect(expectCommittedState(path)).toBe(300);
  });

  test('a stale -wal or -journal of a database that is gone is never taken for a part of the new one', async () => {
    const { folder, path } = await prepare();
    for (const name of ['b.db-wal', 'b.db-journal']) copyFileSync(`${path}-wal`, join(folder, name));
    await restoreTo(folder, join(folder, 'b.db'));
    expect(expectCommittedState(join(folder, 'b.db'))).toBe(300);
    expect(
      readdirSync(folder).filter((name) => /^b\.db-(wal|journal)$/.test(name) && statSync(join(folder, name)).size > 0),
    ).toEqual([]);
  });

  test('an existing file is refused without --replace; a file that appears meanwhile is not overwritten', async () => {
    const { folder, path } = await prepare();
    const before = readFileSync(path);
    await expect(restoreTo(folder, path)).rejects.toMatchObject({ code: 'database_exists' });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test.each(['wal', 'delete'] as const)(
    'refused while a connection is open, in %s mode, idle too',
    async (journalMode) => {
      const folder = temporaryFolder();
      const path = join(folder, 'a.db');
      createCountingDatabase(path, { rows: 100, journalMode });
      await backUp(folder);
      const app = new Database(path);
      app.prepare('SELECT * FROM counter').all();
      const before = readFileSync(path);
      // The lock table and /proc name this process; the tool believes to be another one.
      const failed = restoreTo(folder, path, { replace: true, owner: { pid: process.ppid, hostname: 'test' } });
      await expect(failed).rejects.toMatchObject({ code: 'restore_target_in_use' });
      await expect(failed).rejects.toThrow(process.platform === 'linux' ? new RegExp(`pid ${process.pid} `) : /in use/);
      app.prepare('SELECT * FROM counter').all();
      app.close();
      expect(readFileSync(path).equals(before)).toBe(true);
      expect(readdirSync(folder).filter((name) => /partial|intent|before/.test(name))).toEqual([]);
      await restoreTo(folder, path, { replace: true });
    },
  );

  test('a damaged old file is replaced: the pages with a lock, the header only with --force', async () => {
    const { folder, path } = await prepare();
    const db = readFileSync(path);
    writeFileSync(path, Buffer.concat([db.subarray(0, 5000), Buffer.alloc(8000, 0xee), db.subarray(13_000)]));
    await restoreTo(folder, path, { replace: true });
    expect(expectCommittedState(path)).toBe(300);
    writeFileSync(path, Buffer.alloc(100_000, 7));
    await expect(restoreTo(folder, path, { replace: true })).rejects.toThrow(/cannot be locked/);
    expect(readFileSync(path)[0]).toBe(7);
    const { oldDatabase } = await restoreTo(folder, path, { replace: true, force: true });
    expect(expectCommittedState(path)).toBe(300);
    expect(readFileSync(oldDatabase!)[0]).toBe(7);
  });
});

/** The steps of the swap; a crash is the end after some of them. */
const steps: readonly ((intent: RestoreIntent) => void)[] = [
  () => {},
  ({ target, aside }) => linkSync(target, aside),
  ({ target, aside }) => renameSync(`${target}-wal`, `${aside}-wal`),
  ({ partial, target }) => renameSync(partial, target),
];

describe.each(steps.map((_, index) => index))('a crash after step %i of the swap', (last) => {
  async function crash(): Promise<{ path: string; folder: string }> {
    const { folder, path } = await prepare();
    const { output } = await restoreTo(folder, join(folder, 'new.db'));
    const partial = `${path}.restore-abcdef.partial`;
    renameSync(output, partial);
    const { lineage } = await selected(folder);
    const stats = statSync(partial);
    const intent: RestoreIntent = {
      format: 1,
      id: 'abcdef',
      target: path,
      partial,
      partialInode: stats.ino,
      sizeBytes: stats.size,
      pageSizeBytes: 4096,
      digest: lineage.digest,
      aside: `${path}.before-abcdef`,
      hadDatabase: true,
      discardOld: false,
      pointId: lineage.id,
      startedAt: '2026-01-01T00:00:00.000Z',
    };
    await writeIntent(intent);
    for (const step of steps.slice(0, last + 1)) step(intent);
    expect(() => refusePendingRestore(path)).toThrow(/interrupted half-way/);
    await expect(restoreTo(folder, path, { replace: true })).rejects.toMatchObject({ code: 'restore_pending' });
    return { path, folder };
  }

  test('--resume completes it', async () => {
    const { path } = await crash();
    const resumed = await resumeSwap(path, 'complete', options, testContext());
    expect(resumed?.outcome).toBe('completed');
    expect(expectCommittedState(path)).toBe(300);
    expect(expectCommittedState(resumed!.oldDatabase!)).toBeGreaterThanOrEqual(300);
    refusePendingRestore(path);
  });

  test('--abort takes it back, with every commit of the old database', async () => {
    const { path, folder } = await crash();
    const resumed = await resumeSwap(path, 'revert', options, testContext());
    expect(resumed?.outcome).toBe('reverted');
    expect(expectCommittedState(path)).toBe(301);
    expect(readdirSync(folder).filter((name) => /partial|intent|before/.test(name))).toEqual([]);
  });

  test('a new file that was harmed meanwhile is not put in place', async () => {
    const { path } = await crash();
    const partial = `${path}.restore-abcdef.partial`;
    if (existsSync(partial)) {
      const bytes = readFileSync(partial);
      bytes[9000] = bytes[9000]! ^ 1;
      writeFileSync(partial, bytes);
      expect((await resumeSwap(path, 'complete', options, testContext()))?.outcome).toBe('reverted');
      expect(expectCommittedState(path)).toBe(301);
    } else {
      expect((await resumeSwap(path, 'complete', options, testContext()))?.outcome).toBe('completed');
      expect(expectCommittedState(path)).toBe(300);
    }
  });
});

async function selected(folder: string) {
  const { openTestRepository, testDatabaseId } = await import('../../support/backup-requests.ts');
  const { points } = await (await openTestRepository(join(folder, 'backups'))).points(testDatabaseId);
  return { lineage: points.at(-1)! };
}
