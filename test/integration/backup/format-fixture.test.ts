import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { encodeFormat } from '../../../src/core/backup/repository/format-version.ts';
import { databaseIdOf } from '../../../src/core/backup/repository/object-name.ts';
import { verifyArchive } from '../../../src/core/backup/verify/archive.ts';
import { verifyRecords } from '../../../src/core/backup/verify/records.ts';
import { verifyPoints } from '../../../src/core/backup/verify/verify.ts';
import { readEpochs } from '../../../src/core/backup/wal-archive/epoch.ts';
import { resolveState, type WantedState } from '../../../src/core/restore/resolve-target.ts';
import { openTestRepository, restoreTo } from '../../support/backup-requests.ts';
import { testContext } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const reader = fileURLToPath(new URL('../../support/documented-reader.mjs', import.meta.url));
const fixture = fileURLToPath(new URL('../../../fixtures/repository-1', import.meta.url));
const databaseId = databaseIdOf('trading.db');

function copyOfFixture(): string {
  const folder = temporaryFolder();
  cpSync(fixture, join(folder, 'backups'), { recursive: true });
  return folder;
}

describe('a repository of format 1, as it was written when the format was new', () => {
  test('is verified to the last page and frame', async () => {
    const repository = await openTestRepository(join(copyOfFixture(), 'backups'));
    const { points, damaged } = await repository.points();
    expect(damaged).toEqual([]);
    expect(points.map((point) => point.type)).toEqual(['full', 'incremental', 'incremental']);
    const request = { repository, points, allPoints: points, level: 3, sample: 1, workers: 1 } as const;
    expect((await verifyPoints(request, testContext())).problems).toEqual([]);
    const archive = await verifyArchive(repository, databaseId, 3, testContext());
    expect(archive).toMatchObject({ problems: [], objects: 5 });
    expect((await verifyRecords(repository, databaseId)).problems).toEqual([]);
  });

  test.each([
    [{ kind: 'backup', id: 'm76q' }, [100, 101, 102]],
    [{ kind: 'backup', id: 'fuxh' }, [100, 101, 102, 103]],
    [{ kind: 'tx', tx: 3, epoch: null }, [100, 101, 102, 103, 110, 111, 112]],
    [{ kind: 'latest' }, [100, 101, 102, 103, 110, 111, 112, 113, 114]],
  ] as [WantedState, number[]][])('gives back %j', async (wanted, prices) => {
    const folder = copyOfFixture();
    const repository = await openTestRepository(join(folder, 'backups'));
    const { lineage, route } = await resolveState(repository, databaseId, wanted);
    const file = join(folder, 'restored.db');
    await restoreTo(folder, file, { repository, lineage, route, check: 'full' });
    const db = new Database(file, { readonly: true });
    expect(db.prepare('SELECT price FROM trade ORDER BY id').pluck().all()).toEqual(prices);
    db.close();
  });

  test('can be restored by another program that knows the page about the format', async () => {
    const folder = copyOfFixture();
    const repository = await openTestRepository(join(folder, 'backups'));
    const { points } = await repository.points();
    const [epoch] = await readEpochs(repository, databaseId);
    const states: [string, WantedState][] = points.map(({ id }) => [id, { kind: 'backup', id }]);
    for (let tx = 1; tx <= 5; tx++) states.push([`${epoch?.id}:${tx}`, { kind: 'tx', tx, epoch: epoch?.id ?? '' }]);
    for (const [index, [word, wanted]] of states.entries()) {
      const { lineage, route } = await resolveState(repository, databaseId, wanted);
      const ours = join(folder, `ours-${index}.db`);
      await restoreTo(folder, ours, { repository, lineage, route, check: 'none' });
      const theirs = join(folder, `theirs-${index}.db`);
      execFileSync(process.execPath, [reader, join(folder, 'backups'), databaseId, word, theirs]);
      expect(readFileSync(theirs).equals(readFileSync(ours)), word).toBe(true);
    }
  });

  test('a newer format and an unknown required feature are refused; a damaged FORMAT is named', async () => {
    const folder = copyOfFixture();
    const path = join(folder, 'backups', 'FORMAT');
    const bytes = readFileSync(path, 'utf8');
    writeFileSync(path, bytes.replace('tradedb-repository 1', 'tradedb-repository 2'));
    await expect(openTestRepository(join(folder, 'backups'))).rejects.toThrow(
      /has format 2; this release reads up to 1/,
    );
    writeFileSync(path, encodeFormat({ id: 'x', required: ['telepathy'], optional: ['colours'] }));
    await expect(openTestRepository(join(folder, 'backups'))).rejects.toThrow(/needs telepathy/);
    writeFileSync(path, encodeFormat({ id: 'x', required: [], optional: ['colours'] }));
    expect((await openTestRepository(join(folder, 'backups'))).format.optional).toEqual(['colours']);
    writeFileSync(path, bytes.replace('id ', 'id 0'));
    await expect(openTestRepository(join(folder, 'backups'))).rejects.toThrow(/is damaged/);
  });
});
