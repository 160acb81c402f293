import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { routeTo } from '../../../src/core/restore/point-in-time.ts';
import { startArchive } from '../../support/archive-runs.ts';
import { backUp, openTestRepository, restoreTo, testDatabaseId } from '../../support/backup-requests.ts';
import { expectCommittedState, startWriter, stopProcess } from '../../support/counting-database.ts';
import { followInto } from '../../support/follow-runs.ts';
import { createLargeDatabase, lockByteOffset } from '../../support/large-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const blockBytes = 4 * 1024 * 1024;

/** Offset of the first block in which two files differ; -1 when they are the same. */
function firstDifference(one: string, other: string): number {
  if (statSync(one).size !== statSync(other).size) return Math.min(statSync(one).size, statSync(other).size);
  const [a, b] = [openSync(one, 'r'), openSync(other, 'r')];
  const [left, right] = [Buffer.alloc(blockBytes), Buffer.alloc(blockBytes)];
  try {
    for (let offset = 0; ; offset += blockBytes) {
      const read = readSync(a, left, 0, blockBytes, offset);
      if (read !== readSync(b, right, 0, blockBytes, offset)) return offset;
      if (read === 0) return -1;
      if (left.compare(right, 0, read, 0, read) !== 0) return offset;
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}

// Half a minute and 4 GiB of disk, so vitest.config.ts includes it only with TRADEDB_TEST_LARGE=1.
test('over 1 GiB: the page of the lock bytes is passed by all ways in and out, byte for byte', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'a.db');
  createLargeDatabase(path);
  expect(statSync(path).size).toBeLessThan(lockByteOffset);
  await backUp(folder);
  await restoreTo(folder, join(folder, 'archived.db'));
  expect(firstDifference(join(folder, 'archived.db'), path)).toBe(-1);
  const archive = await startArchive(folder);
  await followInto(folder);

  // The file grows over the page while it is archived.
  const writer = await startWriter(path, 100);
  const app = new Database(path);
  const grow = 'INSERT INTO filler (body) VALUES (randomblob(700000))';
  for (let round = 0; round < 3; round++) app.exec(grow);
  await stopProcess(writer);
  const fromWal = await backUp(folder, { type: 'incremental', archiveWaitMs: 20_000 });
  expect(fromWal.manifest.method).toBe('wal');
  app.exec(grow);
  const totals = await archive.stop();
  expect(totals.gaps).toEqual([]);
  app.pragma('wal_checkpoint(TRUNCATE)');
  expect(statSync(path).size).toBeGreaterThan(lockByteOffset);

  const repository = await openTestRepository(join(folder, 'backups'));
  const route = await routeTo(repository, testDatabaseId, { kind: 'latest' });
  await restoreTo(folder, join(folder, 'archived.db'), {
    lineage: route!.lineage,
    route,
    replace: true,
    discardOld: true,
  });
  expect(firstDifference(join(folder, 'archived.db'), path)).toBe(-1);

  expect(await followInto(folder, { promote: true })).toMatchObject({ appliedTx: totals.tx });
  expect(firstDifference(join(folder, 'standby.db'), path)).toBe(-1);

  // By page fingerprints, with the page among those that are read.
  app.exec("UPDATE entry SET body = 'changed' WHERE id % 5 = 0");
  app.exec(grow);
  const fromPages = await backUp(folder, { type: 'incremental' });
  expect(fromPages.manifest.method).toBe('pages');
  await restoreTo(folder, join(folder, 'archived.db'), { replace: true, discardOld: true, check: 'quick' });
  app.pragma('wal_checkpoint(TRUNCATE)');
  expect(firstDifference(join(folder, 'archived.db'), path)).toBe(-1);

  // And back below it: the page goes away with the end of the file.
  app.exec('DELETE FROM filler; UPDATE counter SET (n, total) = (SELECT count(*), sum(value) FROM entry); VACUUM');
  await backUp(folder, { type: 'incremental' });
  await restoreTo(folder, join(folder, 'archived.db'), { replace: true, discardOld: true, check: 'full' });
  app.pragma('wal_checkpoint(TRUNCATE)');
  app.close();
  expect(firstDifference(join(folder, 'archived.db'), path)).toBe(-1);
  expectCommittedState(join(folder, 'archived.db'));
}, 300_000);
