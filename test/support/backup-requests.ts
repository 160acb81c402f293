import { join } from 'node:path';
import { parseCodec } from '../../src/core/backup/chunk/codec.ts';
import { type CreatedBackup, type CreateRequest, createBackup } from '../../src/core/backup/create.ts';
import { databaseIdOf } from '../../src/core/backup/repository/object-name.ts';
import { Repository } from '../../src/core/backup/repository/repository.ts';
import type { OperationContext } from '../../src/core/context.ts';
import { type Restored, type RestoreRequest, restorePoint } from '../../src/core/restore/restore.ts';
import { type RestoreTarget, selectPoint } from '../../src/core/restore/select.ts';
import { LocalFolder } from '../../src/core/storage/local-folder.ts';
import { testContext, testPorts } from './context.ts';

/** Backups and restores with everything filled in that a test does not care about. */

const owner = { pid: process.pid, hostname: 'test' };
const label = 'test';
export const testDatabaseId = databaseIdOf(label);

let opened = 0;

export function openTestRepository(folder: string): Promise<Repository> {
  const storage = new LocalFolder(folder, `test-${process.pid}-${opened++}`);
  return Repository.openOrCreate(storage, 'main', { ...testPorts, owner });
}

export async function backUp(
  folder: string,
  parts: Partial<CreateRequest> = {},
  context: OperationContext = testContext(),
): Promise<CreatedBackup> {
  return createBackup(
    {
      database: join(folder, 'a.db'),
      repository: await openTestRepository(join(folder, 'backups')),
      databaseLabel: label,
      type: 'full',
      label: null,
      keepUntil: null,
      codec: parseCodec('zstd:1'),
      workers: 2,
      method: 'pages',
      maxWalBytes: 2 ** 30,
      busyTimeoutMs: 5000,
      fullEveryMs: 7 * 86_400_000,
      maxChain: 30,
      owner,
      stateDirectory: join(folder, 'state'),
      toolVersion: '0.0.0',
      ...parts,
    },
    context,
  );
}

export async function restoreTo(
  folder: string,
  target: string,
  parts: Partial<RestoreRequest> & { wanted?: RestoreTarget } = {},
  context: OperationContext = testContext(),
): Promise<Restored> {
  const repository = parts.repository ?? (await openTestRepository(join(folder, 'backups')));
  const lineage =
    parts.lineage ?? (await selectPoint(repository, testDatabaseId, parts.wanted ?? { kind: 'latest' })).lineage;
  return restorePoint(
    {
      repository,
      lineage,
      target,
      replace: false,
      discardOld: false,
      checkpointOld: true,
      force: false,
      check: 'quick',
      workers: 2,
      owner,
      stateDirectory: join(folder, 'state'),
      ...parts,
    },
    context,
  );
}
