import { statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it, onTestFinished } from 'vitest';
import { HistoryStore, ringLengths } from '../../../src/core/monitor/history/store.ts';
import { ServedDatabase } from '../../../src/core/monitor/service/served-database.ts';
import { testContext } from '../../support/context.ts';
import { makeSample } from '../../support/sample.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { virtualTime } from '../../support/virtual-time.ts';

/** Hours of the simulated service; `TRADEDB_HOURS=24` makes the whole day. */
const hours = Number(process.env.TRADEDB_HOURS ?? 1.1);
const start = Date.UTC(2026, 2, 1);
const limit = { warning: 1e15, critical: 2e15 };
const hour = 3_600_000;

it(`${hours} simulated hours of service keep memory and history bounded`, { timeout: 600_000 }, async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'history.db');
  const { clock, advance } = virtualTime(start);
  const context = testContext({ clock: { ...clock, after: () => () => {} } });
  const maxBytes = 64 * 1024 * 1024;
  const rings = ringLengths({ second: hour, minute: 7 * 24 * hour, hour: 400 * 24 * hour });
  const store = new HistoryStore({ path, maxBytes, rings }, context);
  onTestFinished(() => store.close());
  let push = (_: ReturnType<typeof makeSample>): void => {};
  const served = new ServedDatabase(
    {
      name: 'trading.db',
      queryDirectory: join(folder, 'queries'),
      archive: () => undefined,
      watch: {
        sampler: {
          path,
          intervalMs: 1000,
          pinnedAfterMs: 1000,
          lockIntervalMs: 100,
          maxCpuShare: 1,
          attribution: 'frames',
        },
        limits: {
          databaseSize: limit,
          walSize: { warning: 1e7, critical: 1e12 },
          freeSpace: { warning: 0, critical: 0 },
          backupAge: limit,
        },
        leases: { directory: join(folder, 'leases'), owner: { pid: 1, hostname: 'here' } },
        newestBackup: async () => undefined,
      },
    },
    {
      history: store,
      onSample: () => {},
      startSession: (_, ports) => {
        push = ports.onSample;
        return { pid: 1, run: async () => {}, stop: async () => {} };
      },
    },
    context,
  );
  global.gc?.();
  const heaps: number[] = [];
  let commits = 0;
  const samples = Math.round(hours * 3600);
  for (let second = 0; second < samples; second++) {
    advance(1000);
    commits += 100 + (second % 50);
    // Tables come and go, and the backlog crosses its limit now and then.
    const table = Math.floor(second / 1800);
    push(
      makeSample({
        at: new Date(clock.wallTime()).toISOString(),
        monotonicMs: clock.now(),
        commits,
        backlogBytes: second % 600 < 30 ? 2e7 : 1e6,
        objects: Array.from({ length: 20 }, (_, index) => ({
          object: `t${table}_${index}`,
          kind: 'table' as const,
          table: `t${table}_${index}`,
          pages: 10,
          frames: (second % 1800) * (index + 1),
          estimated: false,
        })),
      }),
    );
    if (second % 1800 === 1799) heaps.push(process.memoryUsage().heapUsed);
  }
  await served.stop();
  const sizes = statSync(path).size;
  expect(sizes).toBeLessThanOrEqual(maxBytes);
  // After the first hour (rings of memory are full) the heap grows no more than the noise of the collector.
  expect((heaps.at(-1) ?? 0) - (heaps[1] ?? heaps[0] ?? 0)).toBeLessThan(150 * 1024 * 1024);
  const db = new Database(path, { readonly: true });
  onTestFinished(() => void db.close());
  const total = db
    .prepare(
      "SELECT sum(sum) AS n FROM rollup WHERE level = 1 AND series = (SELECT id FROM series WHERE name = 'commits_total')",
    )
    .get() as { n: number };
  // The first sample has nothing to compare with.
  expect(total.n).toBe(commits - 100);
  const seconds = db
    .prepare(
      "SELECT count(*) AS n FROM rollup WHERE level = 0 AND series = (SELECT id FROM series WHERE name = 'commits_total')",
    )
    .get() as { n: number };
  expect(seconds.n).toBe(3600);
  expect(served.stream.clients).toBe(0);
  expect(store.events(10_000).length).toBeLessThanOrEqual(10_000);
});
