import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { CheckpointEvent } from '../../../src/core/sqlite/hooks.ts';
import type { TradingDatabase } from '../../../src/core/sqlite/trading-database.ts';
import { holdLock } from '../../support/lock-holder.ts';
import { countTo, insertFill, sumTo, testDatabase } from '../../support/open-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let serial = 0;
function commits(database: TradingDatabase, count: number, size = 10): void {
  for (let n = 0; n < count; n++) database.tx((t) => t.run(insertFill, [`${serial++}${'x'.repeat(size)}`, n]));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

test('after enough commits and a pause a passive checkpoint runs; without enough of them none does', async () => {
  const events: CheckpointEvent[] = [];
  const database = testDatabase({
    checkpoint: { minCommits: 50, idle: 5 },
    hooks: [{ onCheckpoint: (event) => events.push(event) }],
  });
  commits(database, 20);
  await sleep(40);
  expect(events).toEqual([]);
  commits(database, 40);
  await until(() => events.length > 0);
  expect(events).toMatchObject([{ mode: 'passive', reason: 'idle', busy: false }]);
  expect(events[0]?.logFrames).toBeGreaterThan(50);
  expect(events[0]?.checkpointedFrames).toBe(events[0]?.logFrames);
  const { runs, commitsSinceLast, heldBackBy, stall } = database.metrics().checkpoint;
  expect({ runs, commitsSinceLast, heldBackBy, stalls: stall.count }).toEqual({
    runs: { passive: 1, full: 0, restart: 0, truncate: 0 },
    commitsSinceLast: 0,
    heldBackBy: null,
    stalls: 1,
  });
});

test('a WAL over its limit is truncated when nobody reads', async () => {
  const database = testDatabase({ checkpoint: { minCommits: 100_000, idle: 5, walLimit: 200_000 } });
  commits(database, 20, 30_000);
  expect(database.metrics().checkpoint.walSizeBytes).toBeGreaterThan(200_000);
  await until(() => database.metrics().checkpoint.walSizeBytes === 0);
  expect(database.metrics().checkpoint.runs).toMatchObject({ truncate: 1, passive: 0 });
});

test('a reader of another process holds checkpoints back: the WAL grows, the metric says so, nothing blocks', async () => {
  const path = join(temporaryFolder(), 'market.db');
  const database = testDatabase({ path, checkpoint: { minCommits: 10, idle: 5, walLimit: 100_000 } });
  commits(database, 1);
  const holder = await holdLock(path, ['BEGIN', 'SELECT count(*) FROM fills']);
  commits(database, 30, 30_000);
  await until(() => database.metrics().checkpoint.busy > 0);
  const { heldBackBy, walSizeBytes } = database.metrics().checkpoint;
  expect(heldBackBy).toBe('other_process');
  expect(walSizeBytes).toBeGreaterThan(100_000);
  commits(database, 5);
  holder.releaseSync();
  commits(database, 1);
  await until(() => database.metrics().checkpoint.walSizeBytes === 0);
  expect(database.metrics().checkpoint.heldBackBy).toBe(null);
});

test('an own background reader turns the truncation into a passive one', async () => {
  const events: CheckpointEvent[] = [];
  const database = testDatabase({
    checkpoint: { minCommits: 1, idle: 1, walLimit: 10_000 },
    hooks: [{ onCheckpoint: (event) => events.push(event) }],
  });
  const first = database.background.all(`${sumTo(12_000_000)} JOIN (SELECT max(id) FROM fills)`);
  await sleep(150);
  events.length = 0;
  commits(database, 10, 10_000);
  await until(() => events.length > 0);
  expect(events[0]).toMatchObject({ mode: 'passive', reason: 'idle' });
  await first;
});

test('a process that was killed or stopped while it held locks does not keep checkpoints away for ever', async () => {
  const path = join(temporaryFolder(), 'market.db');
  const database = testDatabase({ path });
  const holder = await holdLock(path, ['BEGIN', 'SELECT count(*) FROM fills']);
  // Windows cannot stop a process; there the held snapshot alone is in the way.
  if (process.platform !== 'win32') holder.process.kill('SIGSTOP');
  commits(database, 5);
  expect(database.checkpoint('truncate').busy).toBe(true);
  commits(database, 5);
  holder.process.kill('SIGKILL');
  await until(() => !database.checkpoint('truncate').busy);
  expect(statSync(`${path}-wal`).size).toBe(0);
});

test('closing moves the WAL into the file, also with reader threads', async () => {
  const path = join(temporaryFolder(), 'market.db');
  const database = testDatabase({ path });
  commits(database, 5);
  await database.background.all(countTo(10));
  await database.close();
  expect(existsSync(`${path}-wal`)).toBe(false);
});
