import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Repository } from '../../../src/core/backup/repository/repository.ts';
import { acquireRepositoryLease } from '../../../src/core/backup/repository/repository-lease.ts';
import { runArchive } from '../../../src/core/backup/wal-archive/archive-loop.ts';
import { LocalFolder } from '../../../src/core/storage/local-folder.ts';
import type { Storage } from '../../../src/core/storage/storage.ts';
import { archiveRun } from '../../support/archive-runs.ts';
import { backUp, testDatabaseId } from '../../support/backup-requests.ts';
import { testContext, testPorts } from '../../support/context.ts';
import { createCountingDatabase } from '../../support/counting-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { type StorageWatch, WatchedStorage } from '../../support/watched-storage.ts';

const owner = { pid: process.pid, hostname: 'test' };

/** Somebody on another machine finds the lease void and takes it. */
function takeAway(folder: string, name: string): void {
  const file = join(folder, 'backups', 'leases', `${name}.json`);
  const holder = JSON.parse(readFileSync(file, 'utf8'));
  rmSync(file);
  writeFileSync(file, JSON.stringify({ ...holder, token: 'somebody-else', hostname: 'elsewhere', bootId: 'another' }));
}

let writers = 0;

function open(folder: string, watch: StorageWatch): Promise<Repository> {
  const storage = new WatchedStorage(new LocalFolder(join(folder, 'backups'), `fence-${writers++}`), watch);
  return Repository.openOrCreate(storage, 'main', { ...testPorts, owner });
}

function namesIn(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(folder, 'backups'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    pattern.test(name),
  );
}

describe('a backup whose lease was taken while it was held up', () => {
  test.each(['before', 'after'] as const)('%s its manifest leaves none, and says what happened', async (moment) => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 500 });
    let lost = false;
    const lose = (key: string): void => {
      if (lost || !key.includes('/manifest-')) return;
      lost = true;
      takeAway(folder, testDatabaseId);
    };
    const watch = moment === 'after' ? { written: lose } : { before: (_: string, key: string) => lose(key) };
    const repository = await open(folder, watch);
    await expect(backUp(folder, { repository })).rejects.toMatchObject({ code: 'lease_lost' });
    expect(lost).toBe(true);
    expect(namesIn(folder, /manifest-/)).toEqual([]);
    expect(namesIn(folder, /\.pack$/)).not.toEqual([]);
    // Whoever took the lease still has it.
    expect(JSON.parse(readFileSync(join(folder, 'backups', 'leases', `${testDatabaseId}.json`), 'utf8')).token).toBe(
      'somebody-else',
    );
  });

  test('while it stored its packs: the manifest is not even begun', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 500 });
    const written: string[] = [];
    const watch: StorageWatch = {
      written: (key) => {
        written.push(key);
        if (key.endsWith('.pack')) takeAway(folder, testDatabaseId);
      },
    };
    await expect(backUp(folder, { repository: await open(folder, watch) })).rejects.toMatchObject({
      code: 'lease_lost',
      hint: expect.stringContaining('backup.leases.expiry'),
    });
    expect(written.filter((key) => key.includes('/manifest-'))).toEqual([]);
  });
});

describe('an archiver whose lease was taken', () => {
  test('leaves no epoch that would pass for the newest one', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 500 });
    let lost = false;
    const repository = await open(folder, {
      written: (key) => {
        if (!key.endsWith('/epoch.json')) return;
        lost = true;
        takeAway(folder, `${testDatabaseId}-wal`);
      },
    });
    const run = runArchive(archiveRun(folder, repository, { forMs: 60_000, owner }), testContext());
    await expect(run).rejects.toMatchObject({ code: 'lease_lost' });
    expect(lost).toBe(true);
    expect(namesIn(folder, /epoch\.json$/)).toEqual([]);
  });
});

describe.each([true, false])('a lease on a server (exclusive names: %s)', (exclusive) => {
  const times = { expiry: 60_000, settle: 20 };
  const never = { ...testPorts.clock, after: () => () => {} };
  const suspended = { ...testPorts, clock: never };
  const request = { name: 'x', purpose: 'backup create', owner, leases: times };

  function server(folder: string, watch: StorageWatch = {}): Storage {
    return new WatchedStorage(new LocalFolder(folder, `server-${writers++}`), { ...watch, server: { exclusive } });
  }

  /** As if everything below `leases/` had been written so long ago. */
  function age(folder: string, ms: number): void {
    for (const name of readdirSync(join(folder, 'leases'))) {
      const then = new Date(Date.now() - ms);
      utimesSync(join(folder, 'leases', name), then, then);
    }
  }

  test('that ran out is taken; its old holder learns it, and gives nothing back that is not his', async () => {
    const folder = temporaryFolder();
    const first = await acquireRepositoryLease(server(folder), request, suspended);
    await first.check();
    await expect(acquireRepositoryLease(server(folder), request, suspended)).rejects.toMatchObject({
      code: 'lease_held',
    });
    age(folder, 61_000);
    const second = await acquireRepositoryLease(server(folder), request, suspended);
    await expect(first.check()).rejects.toMatchObject({ code: 'lease_lost' });
    await first.release();
    await second.check();
    await second.release();
    expect(readdirSync(join(folder, 'leases'))).toEqual([]);
    await expect(second.check()).rejects.toMatchObject({ code: 'lease_lost' });
  });

  test('that ran out and that nobody has taken is still its holder’s', async () => {
    const folder = temporaryFolder();
    const first = await acquireRepositoryLease(server(folder), request, suspended);
    age(folder, 61_000);
    await first.check();
    await expect(acquireRepositoryLease(server(folder), request, suspended)).rejects.toMatchObject({
      code: 'lease_held',
    });
  });

  test('that its holder renews while somebody takes it away is not given to both', async () => {
    const folder = temporaryFolder();
    const first = await acquireRepositoryLease(server(folder), request, suspended);
    age(folder, 61_000);
    let looks = 0;
    const rival = server(folder, {
      async before(call, key) {
        // The old holder looks at the last moment at which its ticket is there.
        if (call !== 'delete' || !key.endsWith('.json') || looks++ > 0) return;
        await first.check();
      },
    });
    await expect(acquireRepositoryLease(rival, request, suspended)).rejects.toMatchObject({ code: 'lease_held' });
    expect(looks).toBeGreaterThan(0);
    await expect(first.check()).rejects.toMatchObject({ code: 'lease_lost' });
  });
});
