import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeMark } from '../../../src/core/backup/mark.ts';
import { holdForReading } from '../../../src/core/backup/repository/reader-lease.ts';
import { Repository } from '../../../src/core/backup/repository/repository.ts';
import { prune } from '../../../src/core/backup/retention/prune.ts';
import { Tombstones } from '../../../src/core/backup/retention/tombstone.ts';
import { verifyArchive } from '../../../src/core/backup/verify/archive.ts';
import { type Epoch, readEpochs } from '../../../src/core/backup/wal-archive/epoch.ts';
import { parseSegmentKey } from '../../../src/core/backup/wal-archive/segment-format.ts';
import { readCommits } from '../../../src/core/backup/wal-archive/segment-reading.ts';
import { readWindows } from '../../../src/core/backup/wal-archive/windows.ts';
import { type ArchiveTarget, routeTo } from '../../../src/core/restore/point-in-time.ts';
import { LocalFolder } from '../../../src/core/storage/local-folder.ts';
import { type NotedCommit, startArchive, writeCommits } from '../../support/archive-runs.ts';
import { backUp, openTestRepository, restoreTo, testDatabaseId } from '../../support/backup-requests.ts';
import { testContext } from '../../support/context.ts';
import { createCountingDatabase } from '../../support/counting-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { type StorageWatch, WatchedStorage } from '../../support/watched-storage.ts';

const owner = { pid: process.pid, hostname: 'test' };
const policy = { keepLast: 100, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
const cellMs = 250;
/** Every place at which a prune can die, or every ninth. */
const step = process.env.TRADEDB_TEST_EVERY_STEP === undefined ? 9 : 1;
let opened = 0;

async function compactNow(backups: string, watch: StorageWatch = {}, graceMs = 0) {
  const storage = new WatchedStorage(new LocalFolder(backups, `compact-${opened++}`), watch);
  const repository = await Repository.open(storage, 'main');
  const request = { repository, databaseId: testDatabaseId, owner, policy, minimumRedundancy: 1, graceMs };
  const compaction = { commitWindowMs: 0, cellMs };
  return prune({ ...request, recoveryWindowMs: 0, dryRun: false, compaction }, testContext());
}

async function hashAt(folder: string, backups: string, target: ArchiveTarget): Promise<string> {
  const repository = await openTestRepository(backups);
  const route = await routeTo(repository, testDatabaseId, target);
  const file = join(folder, 'restored.db');
  await restoreTo(folder, file, { repository, lineage: route!.lineage, route, check: 'none' });
  const hash = createHash('sha256').update(readFileSync(file)).digest('hex');
  rmSync(file);
  return hash;
}

interface Archive {
  readonly folder: string;
  readonly backups: string;
  readonly commits: readonly NotedCommit[];
  readonly marked: number;
}

/** Commits over some cells, with a mark, a VACUUM or two and a backup among them. */
async function archiveSome(): Promise<Archive> {
  const folder = temporaryFolder();
  const backups = join(folder, 'backups');
  createCountingDatabase(join(folder, 'a.db'), { rows: 300 });
  const archive = await startArchive(folder);
  const first = await writeCommits(folder, { commits: 40, pauseMs: 12, seed: 5, chaos: true });
  await archive.stop();
  await backUp(folder, { type: 'incremental' });
  const again = await startArchive(folder);
  const second = await writeCommits(folder, { commits: 40, pauseMs: 12, seed: 6 });
  const totals = await again.stop();
  expect(totals.gaps).toEqual([]);
  const repository = await openTestRepository(backups);
  const epoch = await onlyEpoch(backups);
  const marked = 17;
  const mark = { format: 1, name: 'here', epoch: epoch.id, tx: marked, time: '2026-01-01T00:00:00Z' } as const;
  await writeMark(repository, testDatabaseId, { ...mark, note: null, keep: false });
  // Each writer counts from 1.
  const renumbered = second.map((commit) => ({ ...commit, tx: commit.tx + first.length }));
  return { folder, backups, commits: [...first, ...renumbered], marked };
}

async function onlyEpoch(backups: string): Promise<Epoch> {
  const epochs = await readEpochs(await openTestRepository(backups), testDatabaseId);
  expect(epochs).toHaveLength(1);
  return epochs[0] as Epoch;
}

async function restorable(backups: string): Promise<{ merged: number[]; all: number[] }> {
  const repository = await openTestRepository(backups);
  const epoch = await onlyEpoch(backups);
  const [merged, all]: [number[], number[]] = [[], []];
  for (const segment of epoch.segments) {
    const commits = await readCommits(repository, { databaseId: testDatabaseId, epoch: epoch.id }, segment);
    all.push(...commits.map(({ tx }) => tx));
    if (segment.merged !== null) merged.push(...commits.map(({ tx }) => tx));
  }
  return { merged, all };
}

async function problemsIn(backups: string) {
  return (await verifyArchive(await openTestRepository(backups), testDatabaseId, 3, testContext())).problems;
}

describe('compaction of the archive', () => {
  test('leaves one commit of each cell, marks and backups, byte for byte; all others until the grace time is over', async () => {
    const { folder, backups, commits, marked } = await archiveSome();
    const hashOf = (tx: number) => commits.find((commit) => commit.tx === tx)?.hash;
    const { compaction } = await compactNow(backups, {}, 3_600_000);
    expect(compaction?.commitsAfter).toBeLessThan(compaction?.commitsBefore ?? 0);
    expect(compaction?.segmentsAfter).toBeLessThan(compaction?.segmentsBefore ?? 0);
    expect((await restorable(backups)).all).toHaveLength(commits.length);
    expect(await hashAt(folder, backups, { kind: 'tx', tx: 3, epoch: null })).toBe(hashOf(3));

    const { mergedAway } = await compactNow(backups);
    expect(mergedAway.segments).toBe(compaction?.segmentsBefore);
    expect(await problemsIn(backups)).toEqual([]);
    const { merged, all } = await restorable(backups);
    expect(merged).toContain(marked);
    expect(all.length).toBeLessThan(commits.length);
    for (const tx of merged)
      expect(await hashAt(folder, backups, { kind: 'tx', tx, epoch: null }), `${tx}`).toBe(hashOf(tx));
    expect(await hashAt(folder, backups, { kind: 'latest' })).toBe(commits.at(-1)?.hash);

    const gone = commits.find(({ tx }) => !all.includes(tx))!;
    const [before, after] = [merged.findLast((tx) => tx < gone.tx), merged.find((tx) => tx > gone.tx)];
    await expect(hashAt(folder, backups, { kind: 'tx', tx: gone.tx, epoch: null })).rejects.toMatchObject({
      code: 'backup_not_found',
      hint: expect.stringMatching(new RegExp(`--to-tx ${before ?? 0}@\\w+ or --to-tx ${after}@`)),
    });
    // Never a later state than the one that was asked for.
    const byTime = await hashAt(folder, backups, { kind: 'time', time: gone.time }).catch(() => undefined);
    const older = commits.filter(({ tx, time }) => merged.includes(tx) && time <= gone.time).map(({ hash }) => hash);
    if (byTime !== undefined) expect(older.concat(hashOf(0) ?? '', byTime)).toContain(byTime);

    const { windows } = await readWindows(await openTestRepository(backups), testDatabaseId, [
      await onlyEpoch(backups),
    ]);
    expect(windows.map(({ perCommit }) => perCommit)).toEqual([false, true]);
    expect(windows[0]?.toTx).toBe(merged.at(-1));
    expect(windows[1]).toMatchObject({ fromTx: merged.at(-1), toTx: commits.at(-1)?.tx });

    // The archive goes on, and so do incrementals made of it.
    const archive = await startArchive(folder);
    const more = await writeCommits(folder, { commits: 5, seed: 8 });
    const totals = await archive.stop();
    expect(totals.gaps).toEqual([]);
    expect(await hashAt(folder, backups, { kind: 'latest' })).toBe(more.at(-1)?.hash);
    await compactNow(backups);
    await compactNow(backups);
    expect(await problemsIn(backups)).toEqual([]);
    expect(await hashAt(folder, backups, { kind: 'latest' })).toBe(more.at(-1)?.hash);
    const repository = await openTestRepository(backups);
    expect((await Tombstones.read(repository, testDatabaseId)).all).toEqual([]);
  }, 60_000);

  test('waits for whoever reads the commits, makes room for a mark that came later, and leaves damaged segments', async () => {
    const { folder, backups, commits } = await archiveSome();
    await compactNow(backups);
    const epoch = await onlyEpoch(backups);
    const repository = await openTestRepository(backups);
    const reads = () => ({ points: [], commits: [{ epoch: epoch.id, fromTx: 2, toTx: 5 }] });
    const request = { repository, databaseId: testDatabaseId, purpose: 'restore run', reads, owner };
    const reading = await holdForReading(request, testContext());
    expect((await compactNow(backups)).mergedAway.segments).toBe(0);
    await reading.release();
    const { merged } = await restorableAfterMerge(repository, epoch.id);
    const late = commits.find(({ tx }) => tx < 30 && !merged.includes(tx))!;
    const mark = { format: 1, name: 'late', epoch: epoch.id, tx: late.tx, time: '2026-01-01T00:00:00Z' } as const;
    await writeMark(repository, testDatabaseId, { ...mark, note: null, keep: false });
    for (let run = 0; run < 3; run++) await compactNow(backups);
    expect((await restorable(backups)).merged).toContain(late.tx);
    expect(await hashAt(folder, backups, { kind: 'tx', tx: late.tx, epoch: null })).toBe(late.hash);
    expect(await problemsIn(backups)).toEqual([]);
  }, 60_000);

  test('a prune that dies at any write, adoption or deletion breaks no promise, and the next one completes it', async () => {
    const { folder, backups: template, commits, marked } = await archiveSome();
    const hashOf = (tx: number) => commits.find((commit) => commit.tx === tx)?.hash;
    for (const phase of [1, 2]) {
      for (let dieAt = 0; ; dieAt += step) {
        const backups = join(folder, `copy-${phase}-${dieAt}`);
        cpSync(template, backups, { recursive: true, preserveTimestamps: true });
        let calls = 0;
        const before: StorageWatch['before'] = (call) => {
          if (call !== 'read' && calls++ >= dieAt) throw new Error('killed');
        };
        const died = await compactNow(backups, { before }).then(
          () => false,
          () => true,
        );
        expect(await problemsIn(backups)).toEqual([]);
        const { all, merged } = await restorable(backups);
        for (const tx of [marked, all[0], merged.at(0), all.at(-1)]) {
          if (tx === undefined) continue;
          expect(await hashAt(folder, backups, { kind: 'tx', tx, epoch: null }), `${phase} ${dieAt} ${tx}`).toBe(
            hashOf(tx),
          );
        }
        for (let run = 0; run < 3; run++) await compactNow(backups);
        expect(await problemsIn(backups)).toEqual([]);
        const names = readdirSync(backups, { recursive: true, encoding: 'utf8' });
        const epoch = await onlyEpoch(backups);
        const stored = names.filter((name) => parseSegmentKey(name) !== undefined);
        expect(stored).toHaveLength(epoch.segments.length);
        expect(names.filter((name) => name.includes('tombstones'))).toEqual([]);
        rmSync(backups, { recursive: true });
        if (!died) break;
      }
      await compactNow(template);
    }
  }, 180_000);
});

/** Commits that the merged segments beside the chain keep. */
async function restorableAfterMerge(repository: Repository, id: string): Promise<{ merged: number[] }> {
  const epoch = (await readEpochs(repository, testDatabaseId)).find((one) => one.id === id);
  const merged: number[] = [];
  for (const segment of epoch?.unused ?? []) {
    const commits = await readCommits(repository, { databaseId: testDatabaseId, epoch: id }, segment);
    merged.push(...commits.map(({ tx }) => tx));
  }
  return { merged };
}
