import { join } from 'node:path';
import { follow } from '../../src/core/restore/follow/follow.ts';
import { openTestRepository, testDatabaseId } from './backup-requests.ts';
import { testContext } from './context.ts';

/** Keeps the standby of a folder up until it is killed: node follow-and-die.ts <folder> */

const folder = process.argv[2] ?? '';
await follow(
  {
    repository: await openTestRepository(join(folder, 'backups')),
    databaseId: testDatabaseId,
    target: join(folder, 'standby.db'),
    limit: null,
    pollMs: 1,
    forMs: null,
    promote: false,
    lagWarningMs: 60_000,
    workers: 1,
    owner: { pid: process.pid, hostname: 'test' },
    stateDirectory: join(folder, 'state'),
    onEvent: ({ event }) => process.stdout.write(`${event}\n`),
  },
  testContext(),
);
