import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { readEpochs } from '../../../src/core/backup/wal-archive/epoch.ts';
import { type ArchiveTarget, routeTo } from '../../../src/core/restore/point-in-time.ts';
import { startArchive, writeCommits } from '../../support/archive-runs.ts';
import { backUp, openTestRepository, restoreTo, testDatabaseId } from '../../support/backup-requests.ts';
import { createCountingDatabase } from '../../support/counting-database.ts';
import { flipBit } from '../../support/damage.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** Restores a state of the archive into a file and gives its hash. */
async function hashAt(folder: string, target: ArchiveTarget): Promise<{ hash: string; tx: number }> {
  const route = await routeTo(await openTestRepository(join(folder, 'backups')), testDatabaseId, target);
  const file = join(folder, 'restored.db');
  await restoreTo(folder, file, { lineage: route!.lineage, route, check: 'none' });
  const hash = createHash('sha256').update(readFileSync(file)).digest('hex');
  rmSync(file);
  return { hash, tx: route!.tx };
}

describe('WAL archive', () => {
  test.each([
    ['quiet', { commits: 120, pauseMs: 5 }],
    ['as fast as it can', { commits: 400, seed: 7 }],
    ['with foreign checkpoints of every kind and VACUUM', { commits: 400, seed: 3, chaos: true, pauseMs: 1 }],
  ])('a writer that is %s: every commit is archived, and any of them comes back byte for byte', async (_, options) => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 300 });
    const archive = await startArchive(folder);
    const commits = await writeCommits(folder, options);
    const totals = await archive.stop();
    expect(totals.gaps).toEqual([]);
    expect(totals.tx).toBe(commits.length);
    const last = commits.at(-1)!;
    expect(await hashAt(folder, { kind: 'latest' })).toEqual({ hash: last.hash, tx: last.tx });
    for (let pick = 0; pick < 6; pick++) {
      const commit = commits[(pick * 7919) % commits.length]!;
      const restored = await hashAt(folder, { kind: 'tx', tx: commit.tx, epoch: null });
      expect(restored, `commit ${commit.tx}`).toEqual({ hash: commit.hash, tx: commit.tx });
    }
  });

  test('a commit that fills its segment is durable as soon as any other', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 300 });
    const archive = await startArchive(folder, { segmentBytes: 1 });
    const commits = await writeCommits(folder, { commits: 5 });
    await expect.poll(() => archive.events.at(-1), { timeout: 10_000 }).toMatchObject({ event: 'segment', lastTx: 5 });
    expect((await hashAt(folder, { kind: 'latest' })).hash).toBe(commits.at(-1)!.hash);
    expect((await archive.stop()).gaps).toEqual([]);
  });

  test('a moment gives the last commit not after it', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 300 });
    const archive = await startArchive(folder);
    const first = await writeCommits(folder, { commits: 20, pauseMs: 2 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const between = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await writeCommits(folder, { commits: 20, pauseMs: 2, seed: 9 });
    await archive.stop();
    expect(await hashAt(folder, { kind: 'time', time: between })).toEqual({ hash: first.at(-1)!.hash, tx: 20 });
    const repository = await openTestRepository(join(folder, 'backups'));
    expect(await routeTo(repository, testDatabaseId, { kind: 'time', time: 1000 })).toBeUndefined();
    await expect(routeTo(repository, testDatabaseId, { kind: 'tx', tx: 99, epoch: null })).rejects.toThrow(/commit 99/);
  });

  test('goes on without a gap after a restart while the WAL is still there, also with later backups as base', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 300 });
    let archive = await startArchive(folder);
    const commits = [...(await writeCommits(folder, { commits: 30 }))];
    // A reader of the application keeps the WAL from beginning anew while nobody archives.
    const reader = new Database(join(folder, 'a.db'));
    reader.exec("INSERT INTO entry (value, body) VALUES (1, '')");
    reader.exec('BEGIN; SELECT * FROM counter');
    reader.prepare('SELECT * FROM counter').all();
    await archive.stop();
    commits.push(...(await writeCommits(folder, { commits: 30, seed: 5 })));
    archive = await startArchive(folder);
    const { manifest } = await backUp(folder, { type: 'incremental' });
    reader.close();
    commits.push(...(await writeCommits(folder, { commits: 30, seed: 6 })));
    const totals = await archive.stop();
    expect(totals.gaps).toEqual([]);
    // One commit is the reader's own.
    expect(totals.tx).toBe(91);
    const noted = commits.map((commit, index) => ({ hash: commit.hash, tx: index + (index < 30 ? 1 : 2) }));
    for (const index of [3, 29, 30, 59, 60, 89]) {
      expect(await hashAt(folder, { kind: 'tx', tx: noted[index]!.tx, epoch: null })).toEqual(noted[index]);
    }
    const repository = await openTestRepository(join(folder, 'backups'));
    const route = await routeTo(repository, testDatabaseId, { kind: 'latest' });
    expect(route?.lineage.at(-1)?.id).toBe(manifest.id);
    expect(route?.baseTx).toBe(61);
  });

  test('names a gap, refuses to restore into it, and is right after it', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 300 });
    let archive = await startArchive(folder);
    const before = await writeCommits(folder, { commits: 10 });
    await archive.stop();
    await new Promise((resolve) => setTimeout(resolve, 50));
    // The writer closes last: SQLite removes the WAL.
    const lost = await writeCommits(folder, { commits: 10, seed: 4 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    archive = await startArchive(folder);
    expect(archive.events.map((event) => event.event)).toContain('gap');
    const after = await writeCommits(folder, { commits: 10, seed: 8 });
    const totals = await archive.stop();
    expect(totals.gaps).toHaveLength(1);
    const repository = await openTestRepository(join(folder, 'backups'));
    const inside = routeTo(repository, testDatabaseId, { kind: 'time', time: lost[0]!.time });
    await expect(inside).rejects.toThrow(/was not archived/);
    expect((await hashAt(folder, { kind: 'latest' })).hash).toBe(after.at(-1)!.hash);
    const { missing, parent } = (await readEpochs(repository, testDatabaseId)).at(-1)!;
    expect(parent?.lastTx).toBe(10);
    const end = { kind: 'time', time: Date.parse(missing!.from) } as const;
    expect(await hashAt(folder, end)).toEqual({ hash: before.at(-1)!.hash, tx: 10 });
  });

  test('a damaged, missing or exchanged segment fails with its name, and nothing is written', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 100 });
    const archive = await startArchive(folder);
    await writeCommits(folder, { commits: 40, pauseMs: 15 });
    await archive.stop();
    const segments = readdirSync(join(folder, 'backups'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.wseg'))
      .map((name) => join(folder, 'backups', name))
      .sort();
    expect(segments.length).toBeGreaterThan(2);
    flipBit(segments[1]!, 300);
    await expect(hashAt(folder, { kind: 'latest' })).rejects.toMatchObject({ code: 'checksum_mismatch' });
    flipBit(segments[1]!, 300);
    const first = await hashAt(folder, { kind: 'latest' });
    rmSync(segments[1]!);
    // What lies behind the missing one is not taken for a continuation.
    expect((await hashAt(folder, { kind: 'latest' })).tx).toBeLessThan(first.tx);
    expect(existsSync(join(folder, 'restored.db'))).toBe(false);
  });
});
