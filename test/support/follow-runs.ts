import { join } from 'node:path';
import { type FollowTotals, follow } from '../../src/core/restore/follow/follow.ts';
import type { FollowRequest } from '../../src/core/restore/follow/follow-request.ts';
import { openTestRepository, testDatabaseId } from './backup-requests.ts';
import { testContext } from './context.ts';

/** Takes over what is archived of `<folder>/a.db` into `<folder>/standby.db`, and ends. */
export async function followInto(
  folder: string,
  parts: Partial<FollowRequest> = {},
  signal?: AbortSignal,
): Promise<FollowTotals> {
  return follow(
    {
      repository: await openTestRepository(join(folder, 'backups')),
      databaseId: testDatabaseId,
      target: join(folder, 'standby.db'),
      limit: null,
      pollMs: 20,
      forMs: 0,
      promote: false,
      lagWarningMs: 60_000,
      workers: 2,
      owner: { pid: process.pid, hostname: 'test' },
      stateDirectory: join(folder, 'state'),
      onEvent: () => {},
      ...parts,
    },
    testContext(signal === undefined ? {} : { signal }),
  );
}
