import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { verifyPoints } from '../../../src/core/backup/verify/verify.ts';
import { backUp, openTestRepository, restoreTo, testDatabaseId } from '../../support/backup-requests.ts';
import { testContext } from '../../support/context.ts';
import { createCountingDatabase } from '../../support/counting-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('a backup goes on with the finished packs of one that died, where their pages are as they were', async () => {
  const folder = temporaryFolder();
  const database = join(folder, 'a.db');
  createCountingDatabase(database, { rows: 20_000 });
  const { manifest } = await backUp(folder, { workers: 2 });
  const points = join(folder, 'backups', 'db', testDatabaseId, 'points', manifest.id);
  const packs = readdirSync(points).filter((name) => name.endsWith('.pack'));
  expect(packs.length).toBeGreaterThan(0);
  // What a process that was killed leaves: finished packs, and one that is torn.
  const attempt = join(folder, 'backups', '.staging', testDatabaseId, 'died-0');
  const leave = (): void => {
    mkdirSync(attempt, { recursive: true });
    for (const [index, name] of packs.entries())
      copyFileSync(join(points, name), join(attempt, `thread-${index}-0.pack`));
    copyFileSync(join(points, packs[0]!), join(attempt, 'thread-0-1.pack'));
    truncateSync(join(attempt, 'thread-0-1.pack'), 5000);
  };
  leave();
  const whole = await backUp(folder, { workers: 2 });
  expect(whole.snapshot.resumedBytes).toBe(manifest.packs.reduce((sum, pack) => sum + pack.sizeBytes, 0));
  expect(whole.manifest.packs.map((pack) => pack.name).sort()).toEqual(packs.map((name) => name.slice(0, -5)).sort());

  // One page changes: only the pack that holds it is made anew, and nothing is taken for current that is not.
  const db = new Database(database);
  db.exec("UPDATE entry SET body = 'changed' WHERE id = 1");
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  leave();
  const partly = await backUp(folder, { workers: 2 });
  expect(partly.snapshot.resumedBytes).toBeLessThan(whole.snapshot.resumedBytes);
  leave();
  expect((await backUp(folder, { codec: { name: 'gzip', level: 1 } })).snapshot.resumedBytes).toBe(0);
  leave();
  expect((await backUp(folder, { type: 'incremental' })).snapshot.resumedBytes).toBe(0);

  const hash = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
  const target = join(folder, 'restored.db');
  await restoreTo(folder, target, { wanted: { kind: 'backup', id: partly.manifest.id } });
  expect(hash(target)).toBe(hash(database));
  const repository = await openTestRepository(join(folder, 'backups'));
  const { points: all } = await repository.points(testDatabaseId);
  const verified = await verifyPoints(
    { repository, points: all, allPoints: all, level: 3, sample: 1, workers: 2 },
    testContext(),
  );
  expect(verified.problems).toEqual([]);
  expect(existsSync(attempt)).toBe(false);
  expect(existsSync(join(folder, 'backups', '.staging', `${testDatabaseId}-resume`))).toBe(false);
});
