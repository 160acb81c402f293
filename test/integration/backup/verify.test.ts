import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { VerifyLevel } from '../../../src/core/backup/verify/verification.ts';
import { verifyPoints } from '../../../src/core/backup/verify/verify.ts';
import { backUp, openTestRepository, restoreTo, testDatabaseId } from '../../support/backup-requests.ts';
import { testContext } from '../../support/context.ts';
import { createCountingDatabase } from '../../support/counting-database.ts';
import { flipBit, manifestsOf, packsOf, pageIndexesOf } from '../../support/damage.ts';

async function verify(folder: string, level: VerifyLevel) {
  const repository = await openTestRepository(join(folder, 'backups'));
  const { points, damaged } = await repository.points(testDatabaseId);
  const request = { repository, points, allPoints: points, level, sample: 1, workers: 1 };
  const { problems } = await verifyPoints(request, testContext());
  return [...damaged.map((point) => point.key), ...problems.map((problem) => problem.key)];
}

describe('verify', () => {
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tradedb-test-'));
    createCountingDatabase(join(folder, 'a.db'), { rows: 1200 });
    await backUp(folder);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('every flipped bit of every object is found at level 2', async () => {
    const objects = [packsOf, pageIndexesOf, manifestsOf].flatMap((list) => list(join(folder, 'backups')));
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(), fc.nat(7), async (which, offset, bit) => {
        const path = objects[which % objects.length]!;
        flipBit(path, offset, bit);
        try {
          expect(await verify(folder, 2)).not.toEqual([]);
        } finally {
          flipBit(path, offset, bit);
        }
      }),
      { numRuns: 40 },
    );
    expect(await verify(folder, 3)).toEqual([]);
  });

  test.each([
    ['is missing', (path: string) => rmSync(path), 1],
    ['is cut short', (path: string) => truncateSync(path, statSync(path).size - 1), 1],
    ['is empty', (path: string) => truncateSync(path, 0), 1],
    ['has bytes more', (path: string) => appendFileSync(path, 'x'), 1],
  ] as const)('a pack that %s', async (_, harm, level) => {
    const pack = packsOf(join(folder, 'backups'))[0]!;
    const bytes = readFileSync(pack);
    harm(pack);
    try {
      expect(await verify(folder, level)).toEqual([expect.stringContaining('.pack')]);
      // Bytes behind the end harm nobody: the restore reads by the footer, and verify still tells.
      if (statSync(pack, { throwIfNoEntry: false })?.size !== bytes.length + 1) {
        await expect(restoreTo(folder, join(folder, 'b.db'))).rejects.toThrow();
      }
    } finally {
      writeFileSync(pack, bytes);
    }
    expect(await verify(folder, 3)).toEqual([]);
  });

  test('two objects that were swapped', async () => {
    await backUp(folder, { codec: { name: 'none', level: 0 } });
    const [a, b] = packsOf(join(folder, 'backups'));
    const swap = (): void => {
      renameSync(a!, `${a}.x`);
      renameSync(b!, a!);
      renameSync(`${a}.x`, b!);
    };
    swap();
    expect(await verify(folder, 1)).toHaveLength(2);
    swap();
    expect(await verify(folder, 3)).toEqual([]);
  });
});
