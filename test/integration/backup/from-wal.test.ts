import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { verifyPoints } from '../../../src/core/backup/verify/verify.ts';
import { routeTo } from '../../../src/core/restore/point-in-time.ts';
import { startArchive, writeCommits } from '../../support/archive-runs.ts';
import { backUp, openTestRepository, restoreTo, testDatabaseId } from '../../support/backup-requests.ts';
import { testContext } from '../../support/context.ts';
import { createCountingDatabase } from '../../support/counting-database.ts';
import { flipBit } from '../../support/damage.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const fromArchive = { type: 'incremental', archiveWaitMs: 5000 } as const;

async function restoredHash(folder: string): Promise<string> {
  const file = join(folder, 'restored.db');
  await restoreTo(folder, file, { check: 'full' });
  const hash = createHash('sha256').update(readFileSync(file)).digest('hex');
  rmSync(file);
  return hash;
}

describe('incremental backups from the archived WAL', () => {
  test('hold the newest commit byte for byte, on each other, through VACUUM, growth and shrinking', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 400 });
    const archive = await startArchive(folder);
    let total = 0;
    for (const [seed, chaos] of [[1], [2, true], [3]] as const) {
      const commits = await writeCommits(folder, { commits: 60, seed, chaos: chaos === true });
      const { manifest } = await backUp(folder, fromArchive);
      expect(manifest).toMatchObject({ type: 'incremental', method: 'wal' });
      total += commits.length;
      expect(manifest.archived?.tx).toBe(total);
      expect(manifest.storedPages).toBeLessThan(manifest.database.pageCount + 1);
      expect(await restoredHash(folder)).toBe(commits.at(-1)?.hash);
    }
    const nothing = await backUp(folder, fromArchive);
    expect(nothing.manifest).toMatchObject({ method: 'wal', storedPages: 0 });
    const last = await writeCommits(folder, { commits: 20, seed: 9 });
    // One made by comparing pages builds on one that has no digests of its chunks.
    const pages = await backUp(folder, { type: 'incremental' });
    expect(pages.manifest).toMatchObject({ type: 'incremental', method: 'pages' });
    expect(pages.manifest.storedPages).toBeLessThan(pages.manifest.database.pageCount);
    expect(await restoredHash(folder)).toBe(last.at(-1)?.hash);
    await archive.stop();
    const repository = await openTestRepository(join(folder, 'backups'));
    const { points } = await repository.points(testDatabaseId);
    const request = { repository, points, allPoints: points, level: 3, sample: 1, workers: 2 } as const;
    expect((await verifyPoints(request, testContext())).problems).toEqual([]);
    // The commits after one replay on top of it.
    const route = await routeTo(repository, testDatabaseId, { kind: 'latest' });
    expect(route?.lineage.at(-1)?.method).toBe('wal');
    expect(route?.baseTx).toBe(total);
  });

  test('are not made when the archive does not reach to this moment, or is damaged: the pages are compared', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 400 });
    const archive = await startArchive(folder);
    await writeCommits(folder, { commits: 30, pauseMs: 5 });
    await archive.stop();
    // Nobody archives, but what is archived reaches to this moment.
    expect((await backUp(folder, fromArchive)).manifest.method).toBe('wal');
    const late = new Database(join(folder, 'a.db'));
    late.exec("INSERT INTO entry (value, body) VALUES (1, '')");
    late.close();
    // It closed last: the WAL is empty.
    expect((await backUp(folder, fromArchive)).manifest.method).toBe('pages');
    const open = new Database(join(folder, 'a.db'));
    open.exec("INSERT INTO entry (value, body) VALUES (1, '')");
    expect((await backUp(folder, fromArchive)).manifest.method).toBe('pages');
    open.close();

    const again = await startArchive(folder);
    const commits = await writeCommits(folder, { commits: 40, seed: 5, pauseMs: 10 });
    const segments = readdirSync(join(folder, 'backups'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.wseg'))
      .map((name) => join(folder, 'backups', name));
    for (const segment of segments) flipBit(segment, 900);
    const { manifest } = await backUp(folder, fromArchive);
    expect(manifest.method).toBe('pages');
    expect(await restoredHash(folder)).toBe(commits.at(-1)?.hash);
    await again.stop();
  });
});
