import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Repository } from '../../../src/core/backup/repository/repository.ts';
import { prune } from '../../../src/core/backup/retention/prune.ts';
import { Tombstones } from '../../../src/core/backup/retention/tombstone.ts';
import { verifyArchive } from '../../../src/core/backup/verify/archive.ts';
import { readEpochs } from '../../../src/core/backup/wal-archive/epoch.ts';
import { readWindows } from '../../../src/core/backup/wal-archive/windows.ts';
import { routeTo } from '../../../src/core/restore/point-in-time.ts';
import { selectPoint } from '../../../src/core/restore/select.ts';
import { LocalFolder } from '../../../src/core/storage/local-folder.ts';
import { startArchive, writeCommits } from '../../support/archive-runs.ts';
import { backUp, openTestRepository, restoreTo, testDatabaseId } from '../../support/backup-requests.ts';
import { testContext } from '../../support/context.ts';
import { createCountingDatabase, expectCommittedState } from '../../support/counting-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { type StorageWatch, WatchedStorage } from '../../support/watched-storage.ts';

const owner = { pid: process.pid, hostname: 'test' };
const policy = { keepLast: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
let opened = 0;
/** Every place at which a prune can die, or every fourth. */
const step = process.env.TRADEDB_TEST_EVERY_STEP === undefined ? 4 : 1;

/** Marks, or deletes what an earlier run has marked. */
async function pruneNow(backups: string, watch: StorageWatch = {}) {
  const storage = new WatchedStorage(new LocalFolder(backups, `prune-${opened++}`), watch);
  const repository = await Repository.open(storage, 'main');
  const request = { repository, databaseId: testDatabaseId, owner, policy, minimumRedundancy: 1 };
  return prune({ ...request, graceMs: 0, recoveryWindowMs: 0, dryRun: false }, testContext());
}

function pointsIn(backups: string): string[] {
  return readdirSync(join(backups, 'db', testDatabaseId, 'points'));
}

async function twoFulls(): Promise<{ folder: string; backups: string; old: string; kept: string }> {
  const folder = temporaryFolder();
  createCountingDatabase(join(folder, 'a.db'), { rows: 500 });
  const old = (await backUp(folder)).manifest.id;
  const kept = (await backUp(folder)).manifest.id;
  return { folder, backups: join(folder, 'backups'), old, kept };
}

describe('prune beside a restore', () => {
  test('leaves what a restore reads, says who, and deletes it afterwards', async () => {
    const { folder, backups, old } = await twoFulls();
    const repository = await openTestRepository(backups);
    const { lineage } = await selectPoint(repository, testDatabaseId, { kind: 'backup', id: old });
    await pruneNow(backups);
    let inUse: readonly { id: string; reason: string }[] = [];
    const storage = new WatchedStorage(new LocalFolder(backups, 'reader'), {
      async before(call, key) {
        if (call !== 'read' || !key.endsWith('.pack') || inUse.length > 0) return;
        ({ inUse } = await pruneNow(backups));
      },
    });
    const reading = await Repository.open(storage, 'main');
    await restoreTo(folder, join(folder, 'b.db'), { repository: reading, lineage });
    expect(expectCommittedState(join(folder, 'b.db'))).toBe(500);
    expect(inUse).toEqual([{ id: old, reason: expect.stringMatching(/^restore run reads it \(pid \d+ on test\)$/) }]);
    expect((await pruneNow(backups)).removed.map(({ id }) => id)).toEqual([old]);
    expect(pointsIn(backups)).not.toContain(old);
    expect(readdirSync(join(backups, 'leases'))).toEqual([]);
  });

  test('a restore that begins when the deletion has begun is refused, and reads nothing of it', async () => {
    const { folder, backups, old } = await twoFulls();
    const repository = await openTestRepository(backups);
    const { lineage } = await selectPoint(repository, testDatabaseId, { kind: 'backup', id: old });
    await pruneNow(backups);
    let outcome: Promise<unknown> | undefined;
    await pruneNow(backups, {
      async written(key) {
        if (!key.includes('/tombstones/')) return;
        outcome = restoreTo(folder, join(folder, 'b.db'), { lineage }).catch((error: unknown) => error);
        await outcome;
      },
    });
    expect(await outcome).toMatchObject({ code: 'file_not_found', message: expect.stringContaining('prune') });
    expect(pointsIn(backups)).not.toContain(old);
  });

  test('an expired lease covers nothing and is removed', async () => {
    const { folder, backups, old } = await twoFulls();
    await pruneNow(backups);
    const lease = { pid: 1, hostname: 'elsewhere', bootId: 'another', processStart: null, expiryMs: -1000 };
    const record = { ...lease, purpose: 'restore run', since: '', points: [old], commits: [] };
    const { storage } = await openTestRepository(backups);
    const key = `leases/${testDatabaseId}.reader-0123456789abcdef.json`;
    await storage.write(key, Buffer.from(JSON.stringify({ ...record, expiryMs: 60_000 })));
    expect((await pruneNow(backups)).inUse).toHaveLength(1);
    await storage.write(key, Buffer.from(JSON.stringify(record)));
    expect((await pruneNow(backups)).removed).toHaveLength(1);
    expect(readdirSync(join(backups, 'leases'))).toEqual([]);
    await restoreTo(folder, join(folder, 'b.db'));
  });
});

describe('prune that dies', () => {
  test('at any write or deletion leaves nothing that is listed and cannot be restored; the next run completes it', async () => {
    const folder = temporaryFolder();
    const template = join(folder, 'backups');
    createCountingDatabase(join(folder, 'a.db'), { rows: 300 });
    for (let epoch = 0; epoch < 2; epoch++) {
      // While no archiver runs, commits go by: a gap, and a new epoch on a new base.
      await writeCommits(folder, { commits: 3, seed: epoch + 1 });
      await backUp(folder, { type: 'full' });
      const archive = await startArchive(folder);
      await writeCommits(folder, { commits: 5, seed: epoch + 10 });
      await archive.stop();
    }
    await backUp(folder, { type: 'full' });
    const kept = (await pruneNow(template)).plan.kept.map(({ point }) => point.id);
    let calls = 0;
    for (let dieAt = 0; ; dieAt += step) {
      const backups = join(folder, `copy-${dieAt}`);
      cpSync(template, backups, { recursive: true });
      calls = 0;
      const die = (call: string): void => {
        if ((call === 'delete' || call === 'write') && calls++ >= dieAt) throw new Error('killed');
      };
      const died = await pruneNow(backups, { before: die }).then(
        () => false,
        () => true,
      );
      await expectPromisesKept(folder, backups, String(dieAt));
      await pruneNow(backups);
      const repository = await openTestRepository(backups);
      expect((await Tombstones.read(repository, testDatabaseId)).all).toEqual([]);
      expect(pointsIn(backups).sort()).toEqual([...kept].sort());
      expect(readdirSync(join(backups, 'db', testDatabaseId, 'wal'))).toHaveLength(1);
      if (!died) break;
    }
    expect(calls).toBeGreaterThanOrEqual(12);
  }, 120_000);

  async function expectPromisesKept(folder: string, backups: string, name: string): Promise<void> {
    const repository = await openTestRepository(backups);
    const { points } = await repository.points(testDatabaseId);
    const tombstones = await Tombstones.read(repository, testDatabaseId);
    for (const point of points.filter(({ id }) => !tombstones.has(id))) {
      const target = join(folder, `${name}-${point.id}.db`);
      await restoreTo(folder, target, { repository, wanted: { kind: 'backup', id: point.id }, check: 'none' });
    }
    expect((await verifyArchive(repository, testDatabaseId, 3, testContext())).problems).toEqual([]);
    for (const { epoch, toTx } of (
      await readWindows(repository, testDatabaseId, await readEpochs(repository, testDatabaseId))
    ).windows) {
      const route = await routeTo(repository, testDatabaseId, { kind: 'tx', tx: toTx, epoch });
      const target = join(folder, `${name}-${epoch}.db`);
      const { digest } = await restoreTo(folder, target, { repository, lineage: route!.lineage, route, check: 'none' });
      expect(digest).toMatch(/^[0-9a-f]{64}$/);
    }
  }
});
