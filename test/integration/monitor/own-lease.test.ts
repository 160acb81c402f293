import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { expect, it, onTestFinished } from 'vitest';
import { acquireLease } from '../../../src/core/lease.ts';
import { metricsOf } from '../../../src/core/monitor/metrics/catalog.ts';
import type { Sample } from '../../../src/core/monitor/sample.ts';
import { Watch } from '../../../src/core/monitor/watch.ts';
import { testContext } from '../../support/context.ts';
import { holdLock } from '../../support/lock-holder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

it('names a backup of ours as what it is and accuses only the stranger', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'trading.db');
  const db = new Database(path);
  onTestFinished(() => void db.close());
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
  const own = await holdLock(path, ['BEGIN', 'SELECT * FROM t']);
  const directory = join(folder, 'leases');
  const owner = { pid: own.process.pid ?? 0, hostname: hostname() };
  const lease = acquireLease({ directory, name: 'database-1', purpose: 'backup create', owner }, testContext());
  onTestFinished(() => lease.release());
  const samples: Sample[] = [];
  const limit = { warning: 1e15, critical: 2e15 };
  const watch = new Watch(
    {
      sampler: { path, intervalMs: 50, pinnedAfterMs: 200, lockIntervalMs: 50, maxCpuShare: 1, attribution: 'off' },
      limits: { databaseSize: limit, walSize: limit, freeSpace: { warning: 0, critical: 0 }, backupAge: limit },
      leases: { directory, owner: { pid: process.pid, hostname: hostname() } },
      newestBackup: async () => undefined,
    },
    testContext(),
    (sample) => void samples.push(sample),
  );
  const run = watch.run();
  onTestFinished(async () => {
    await watch.stop();
    await run;
  });
  const until = async (condition: (sample: Sample) => boolean): Promise<Sample> => {
    for (;;) {
      db.exec('INSERT INTO t VALUES (2)');
      const last = samples.at(-1);
      if (last !== undefined && condition(last)) return last;
      await sleep(20);
    }
  };
  const pinned = (sample: Sample): number => sample.pinned.length;
  const alone = await until((sample) => pinned(sample) > 0);
  expect(alone.pinned[0]?.holders).toMatchObject([{ pid: owner.pid, ownLease: 'backup create' }]);
  expect(watch.findings).toMatchObject([{ id: 'reader.own', severity: 'info' }]);
  const value = (sample: Sample, name: string) => metricsOf(sample, 'x').find((metric) => metric.name === name)?.value;
  expect(value(alone, 'pinned_reader_lag_frames')).toBe(0);

  // A stranger beside it, on another mark, is accused; our own is still not.
  const stranger = await holdLock(path, ['BEGIN', 'SELECT * FROM t']);
  const both = await until((sample) => pinned(sample) > 1 || sample.pinned.some(({ holders }) => holders.length > 1));
  expect(watch.findings.find(({ id }) => id === 'reader.pinned')?.message).toContain(`pid ${stranger.process.pid}`);
  expect(value(both, 'pinned_reader_lag_frames')).toBeGreaterThan(0);
});
