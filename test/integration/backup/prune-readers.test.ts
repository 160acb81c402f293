import { cpSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
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
async function pruneNow(backups: string, watch: StorageWatch = {}, graceMs = 0) {
  const storage = new WatchedStorage(new LocalFolder(backups, `prune-${opened++}`), watch);
  const repository = await Repository.open(storage, 'main');
  const request = { repository, databaseId: testDatabaseId, owner, policy, minimumRedundancy: 1 };
  return prune({ ...request, graceMs, recoveryWindowMs: 0, dryRun: false }, testContext());
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

describe('packs that no backup names', () => {
  const hour = 3_600_000;

  /** As if everything below the folder had been written so long ago. */
  function age(folder: string, ms: number): void {
    const then = new Date(Date.now() - ms);
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (statSync(join(folder, name)).isFile()) utimesSync(join(folder, name), then, then);
    }
  }

  async function killedBeforeItsManifest(folder: string): Promise<void> {
    const storage = new WatchedStorage(new LocalFolder(join(folder, 'backups'), 'killed'), {
      before(_call, key) {
        if (key.includes('/manifest-')) throw new Error('killed');
      },
    });
    const repository = await Repository.open(storage, 'main');
    await expect(backUp(folder, { repository })).rejects.toThrow('killed');
  }

  test('are marked when they are older than the grace time, deleted when the mark is, and nothing else is', async () => {
    const { folder, backups, old, kept } = await twoFulls();
    const keepAll = { ...policy, keepLast: 10 };
    const run = async () => {
      const repository = await openTestRepository(backups);
      const request = { repository, databaseId: testDatabaseId, owner, policy: keepAll, minimumRedundancy: 1 };
      const times = { graceMs: 24 * hour, recoveryWindowMs: 0 };
      const { orphans, plan } = await prune({ ...request, ...times, dryRun: false }, testContext());
      expect(plan.remove).toEqual([]);
      return orphans;
    };
    await killedBeforeItsManifest(folder);
    expect(pointsIn(backups)).toHaveLength(3);
    expect(await run()).toEqual({ mark: [], remove: [] });
    const [orphan = ''] = pointsIn(backups).filter((id) => id !== old && id !== kept);
    age(join(backups, 'db'), 25 * hour);
    const { mark } = await run();
    expect(mark).toMatchObject([{ kind: 'point', id: orphan }]);
    expect(mark[0]?.bytes).toBeGreaterThan(1000);
    expect(await run()).toEqual({ mark: [], remove: [] });
    age(join(backups, 'db', testDatabaseId, 'tombstones'), 25 * hour);
    expect((await run()).remove).toMatchObject([{ id: orphan }]);
    expect(pointsIn(backups).sort()).toEqual([kept, old].sort());
    // A manifest that comes now makes no backup: the id is burnt for another grace time.
    const repository = await openTestRepository(backups);
    expect((await Tombstones.read(repository, testDatabaseId)).has(orphan)).toBe(true);
    await restoreTo(folder, join(folder, 'b.db'), { wanted: { kind: 'backup', id: old } });
  });

  test('are safe while the backup that stores them holds its lease, and it makes no manifest when it has lost it', async () => {
    const { folder, backups } = await twoFulls();
    const lease = join(backups, 'leases', `${testDatabaseId}.json`);
    let refused: unknown;
    const storage = new WatchedStorage(new LocalFolder(backups, 'slow'), {
      async before(call, key) {
        if (call !== 'adopt' || !key.endsWith('.pages') || refused !== undefined) return;
        refused = await pruneNow(backups).catch((error: unknown) => error);
        // Held up for so long that another machine finds the lease void.
        const holder = JSON.parse(readFileSync(lease, 'utf8'));
        writeFileSync(lease, JSON.stringify({ ...holder, bootId: 'another', hostname: 'there', expiresAt: 1 }));
        expect((await pruneNow(backups)).orphans.mark).toHaveLength(1);
        expect((await pruneNow(backups)).orphans.remove).toHaveLength(1);
      },
    });
    const repository = await Repository.open(storage, 'main');
    await expect(backUp(folder, { repository })).rejects.toMatchObject({ code: 'lease_lost' });
    expect(refused).toMatchObject({ code: 'lease_held' });
    const names = readdirSync(backups, { recursive: true, encoding: 'utf8' });
    expect(names.filter((name) => name.includes('manifest-'))).toHaveLength(1);
    await restoreTo(folder, join(folder, 'b.db'));
    // What it went on to store after that is found as well.
    for (let run = 0; run < 3; run++) await pruneNow(backups);
    expect(pointsIn(backups)).toHaveLength(1);
    expect(readdirSync(join(backups, 'db', testDatabaseId))).not.toContain('tombstones');
  });

  test('and segments of an epoch without a record or a base go the same way', async () => {
    const folder = temporaryFolder();
    const backups = join(folder, 'backups');
    createCountingDatabase(join(folder, 'a.db'), { rows: 300 });
    const archive = await startArchive(folder);
    await writeCommits(folder, { commits: 2 });
    await archive.stop();
    const wal = join(backups, 'db', testDatabaseId, 'wal');
    const [epoch = ''] = readdirSync(wal);
    cpSync(join(wal, epoch), join(wal, 'deadbeef'), { recursive: true });
    rmSync(join(wal, 'deadbeef', 'epoch.json'));
    expect((await pruneNow(backups)).orphans.mark).toMatchObject([{ kind: 'epoch', id: 'deadbeef' }]);
    expect((await pruneNow(backups)).orphans.remove).toMatchObject([{ kind: 'epoch', id: 'deadbeef' }]);
    expect(readdirSync(wal)).toEqual([epoch]);
  });
});
