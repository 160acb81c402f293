import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Repository } from '../../../src/core/backup/repository/repository.ts';
import { TradedbError } from '../../../src/core/error.ts';
import { LocalFolder } from '../../../src/core/storage/local-folder.ts';
import { backUp } from '../../support/backup-requests.ts';
import { testPorts } from '../../support/context.ts';
import { createCountingDatabase } from '../../support/counting-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { WatchedStorage } from '../../support/watched-storage.ts';

test('a server that is away while the parent is looked at makes no full backup of an incremental one', async () => {
  const folder = temporaryFolder();
  createCountingDatabase(join(folder, 'a.db'), { rows: 500 });
  await backUp(folder);
  let failures = 0;
  const storage = new WatchedStorage(new LocalFolder(join(folder, 'backups'), 'away'), {
    before: (call, key) => {
      if (call !== 'read' || !key.endsWith('.pages')) return;
      failures += 1;
      throw new TradedbError('storage_unavailable', 'the server cannot be reached');
    },
  });
  const owner = { pid: process.pid, hostname: 'test' };
  const repository = await Repository.openOrCreate(storage, 'main', { ...testPorts, owner });
  for (const type of ['auto', 'incremental'] as const) {
    await expect(backUp(folder, { repository, type })).rejects.toMatchObject({ code: 'storage_unavailable' });
  }
  expect(failures).toBe(2);
  const manifests = readdirSync(join(folder, 'backups'), { recursive: true, encoding: 'utf8' });
  expect(manifests.filter((name) => name.includes('manifest-'))).toHaveLength(1);
  // With the server back it is an incremental one again.
  const { manifest, findings } = await backUp(folder, { type: 'auto' });
  expect({ type: manifest.type, findings }).toEqual({ type: 'incremental', findings: [] });
});
