import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { prune } from '../../../src/core/backup/retention/prune.ts';
import { removeTombstone } from '../../../src/core/backup/retention/tombstone.ts';
import type { OperationContext } from '../../../src/core/context.ts';
import { backUp, openTestRepository, restoreTo, testDatabaseId } from '../../support/backup-requests.ts';
import { testContext } from '../../support/context.ts';
import { createCountingDatabase, expectCommittedState } from '../../support/counting-database.ts';
import { fileState } from '../../support/file-state.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const hour = 3_600_000;
const start = Date.parse('2026-03-01T00:00:00Z');

function at(ms: number): OperationContext {
  const context = testContext();
  return { ...context, clock: { ...context.clock, wallTime: () => start + ms } };
}

const rules = { keepLast: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };

async function pruneAt(folder: string, ms: number, parts: { dryRun?: boolean; minimumRedundancy?: number } = {}) {
  const repository = await openTestRepository(join(folder, 'backups'));
  const options = {
    repository,
    databaseId: testDatabaseId,
    owner: { pid: process.pid, hostname: 'test' },
    policy: rules,
    minimumRedundancy: 1,
    graceMs: 24 * hour,
    recoveryWindowMs: 0,
    dryRun: false,
    ...parts,
  };
  const { plan, pruneId } = await prune(options, at(ms));
  const ids = (list: readonly { id: string }[]): string[] => list.map(({ id }) => id);
  return {
    pruneId,
    marked: ids(plan.tombstone),
    removed: ids(plan.remove),
    held: plan.heldBack.map(({ point }) => point.id),
  };
}

describe('prune', () => {
  test('marks first, deletes after the grace time, keeps what an incremental needs, and can be taken back', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 500 });
    const make = async (ms: number, type: 'full' | 'incremental') =>
      (await backUp(folder, { type }, at(ms))).manifest.id;
    const oldFull = await make(0, 'full');
    const oldIncremental = await make(hour, 'incremental');
    const full = await make(2 * hour, 'full');
    const incremental = await make(3 * hour, 'incremental');
    const before = fileState(join(folder, 'backups'));
    expect(await pruneAt(folder, 4 * hour, { dryRun: true })).toMatchObject({
      marked: [oldFull, oldIncremental],
      removed: [],
    });
    expect(fileState(join(folder, 'backups'))).toEqual(before);

    const first = await pruneAt(folder, 4 * hour);
    expect(first).toMatchObject({ marked: [oldFull, oldIncremental], removed: [], held: [] });
    // A marked backup is not restored by itself any more, but everything of it is still there.
    await expect(
      restoreTo(folder, join(folder, 'x.db'), { wanted: { kind: 'backup', id: oldFull } }),
    ).rejects.toMatchObject({
      code: 'backup_not_found',
    });
    await removeTombstone(await openTestRepository(join(folder, 'backups')), testDatabaseId, first.pruneId ?? '');
    await restoreTo(folder, join(folder, 'x.db'), { wanted: { kind: 'backup', id: oldFull } });

    await pruneAt(folder, 5 * hour);
    expect(await pruneAt(folder, 28 * hour)).toMatchObject({ marked: [], removed: [] });
    expect(await pruneAt(folder, 29 * hour)).toMatchObject({ marked: [], removed: [oldIncremental, oldFull] });
    const points = join(folder, 'backups', 'db', testDatabaseId, 'points');
    expect(readdirSync(points).sort()).toEqual([full, incremental].sort());
    expect(existsSync(join(points, '..', 'tombstones'))).toBe(false);
    await restoreTo(folder, join(folder, 'y.db'));
    expect(expectCommittedState(join(folder, 'y.db'))).toBe(500);
  });

  test('minimum redundancy holds older chains back', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 100 });
    const ids: string[] = [];
    for (let index = 0; index < 4; index++) ids.push((await backUp(folder, {}, at(index * hour))).manifest.id);
    const result = await pruneAt(folder, 5 * hour, { minimumRedundancy: 3 });
    expect(result.held.sort()).toEqual([ids[1], ids[2]].sort());
    expect(result.marked).toEqual([ids[0]]);
  });

  test('a new incremental never builds on a marked backup', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 100 });
    const old = (await backUp(folder, {}, at(0))).manifest.id;
    const kept = (await backUp(folder, {}, at(hour))).manifest.id;
    await pruneAt(folder, 2 * hour);
    const { manifest } = await backUp(folder, { type: 'incremental' }, at(3 * hour));
    expect(manifest.parentId).toBe(kept);
    expect(existsSync(join(folder, 'backups', 'db', testDatabaseId, 'points', old))).toBe(true);
  });
});
