import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { OperationContext } from '../../../src/core/context.ts';
import { type DiskProbe, probeDisk } from '../../../src/core/maintenance/disk-guard.ts';
import { type IncrementalSettings, vacuumIncrementally } from '../../../src/core/maintenance/vacuum/incremental.ts';
import { openReadOnly, openReadWrite } from '../../../src/core/sqlite/connection.ts';
import { normalProfile } from '../../../src/core/sqlite/pragma-profile.ts';
import { startScript } from '../../support/background-process.ts';
import { testContext } from '../../support/context.ts';
import { contentOf, makeHalfEmptyDatabase } from '../../support/half-empty-database.ts';
import { holdLock } from '../../support/lock-holder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function halfEmpty(rows = 20_000, journalMode: 'wal' | 'delete' = 'wal'): string {
  const database = join(temporaryFolder(), 'trading.db');
  makeHalfEmptyDatabase(database, { autoVacuum: 2, rows, journalMode });
  return database;
}

async function vacuum(database: string, parts: Partial<IncrementalSettings> = {}, context = testContext()) {
  const settings = { ...context, busyTimeoutMs: 2000 };
  const worker = openReadWrite(database, { ...normalProfile, walAutocheckpointPages: 0, foreignKeys: false }, settings);
  const reader = openReadOnly(database, settings);
  try {
    const result = await vacuumIncrementally(
      { worker, reader },
      {
        until: 0.05,
        latencyBudgetMs: 2,
        walBudgetBytes: 64 * 1024 * 1024,
        duty: 0.5,
        deadline: Number.MAX_SAFE_INTEGER,
        reserveBytes: 0,
        readerWaitMs: 300,
        folder: join(database, '..'),
        probeDisk,
        ...parts,
      },
      context,
    );
    return { result, shieldLeft: reader.inTransaction };
  } finally {
    reader.close();
    worker.close();
  }
}

function figures(database: string): { free: number; pages: number; integrity: unknown } {
  const db = new Database(database);
  const value = (name: string) => db.pragma(name, { simple: true });
  const found = {
    free: Number(value('freelist_count')),
    pages: Number(value('page_count')),
    integrity: value('integrity_check'),
  };
  db.close();
  return found;
}

describe('incremental vacuum', () => {
  it('really frees the pages, down to the share that may stay', async () => {
    const database = halfEmpty();
    const content = contentOf(database);
    const before = figures(database);
    const { result, shieldLeft } = await vacuum(database);
    const after = figures(database);
    expect(result).toMatchObject({ stoppedBy: 'done', shields: 1 });
    // A pointer-map page that is no longer needed leaves with the pages it described.
    expect(before.pages - after.pages).toBeGreaterThanOrEqual(result.freedPages);
    expect(before.free - after.free).toBe(result.freedPages);
    expect(after.free / after.pages).toBeLessThanOrEqual(0.05);
    expect(after.integrity).toBe('ok');
    expect(shieldLeft).toBe(false);
    expect(contentOf(database)).toBe(content);
  });

  it('works beside a writer that commits all the time', async () => {
    const database = halfEmpty(40_000);
    const writer = await startScript('paced-writer.mjs', [database, '200']);
    const { result } = await vacuum(database, { walBudgetBytes: 2 * 1024 * 1024, readerWaitMs: 5000 });
    const written = JSON.parse(await writer.stop());
    expect(result).toMatchObject({ stoppedBy: 'done' });
    expect(result.shields).toBeGreaterThan(1);
    expect(written.commits).toBeGreaterThan(10);
    expect(result.walPeakBytes).toBeLessThan(2 * 2 * 1024 * 1024);
    expect(figures(database)).toMatchObject({ integrity: 'ok' });
  });

  it('stops when a reader pins the WAL', async () => {
    const database = halfEmpty();
    const db = new Database(database);
    db.pragma('wal_autocheckpoint = 0');
    db.exec("INSERT INTO item (symbol) VALUES ('pinned')");
    const holder = await holdLock(database, ['BEGIN', 'SELECT count(*) FROM item']);
    for (let row = 0; row < 300; row++) db.exec("INSERT INTO item (symbol, body) VALUES ('after', zeroblob(5000))");
    const { result, shieldLeft } = await vacuum(database);
    expect(result.stoppedBy).toBe('reader');
    expect(result.stuckAtFrame).toBeGreaterThan(0);
    expect(shieldLeft).toBe(false);
    holder.process.kill('SIGKILL');
    db.close();
  });

  it('stops at the reserve, at its time, and when another process keeps the write lock', async () => {
    const disk: DiskProbe = () => ({ freeBytes: 5, device: 1 });
    expect((await vacuum(halfEmpty(), { probeDisk: disk, reserveBytes: 10 })).result).toMatchObject({
      stoppedBy: 'disk',
      steps: 0,
    });
    expect((await vacuum(halfEmpty(), { deadline: 0 })).result).toMatchObject({ stoppedBy: 'duration', steps: 0 });
    const locked = halfEmpty();
    const holder = await holdLock(locked, ['BEGIN IMMEDIATE']);
    expect((await vacuum(locked)).result).toMatchObject({ stoppedBy: 'busy' });
    holder.process.kill('SIGKILL');
  });

  it('stops in mid run when the reserve is reached then, with what it has done', async () => {
    const database = halfEmpty(40_000);
    let looks = 0;
    const disk: DiskProbe = () => ({ freeBytes: looks++ < 1 ? 100 : 5, device: 1 });
    const { result } = await vacuum(database, { probeDisk: disk, reserveBytes: 10, latencyBudgetMs: 0.05 });
    expect(result).toMatchObject({ stoppedBy: 'disk' });
    expect(result.freedPages).toBeGreaterThan(0);
    expect(figures(database).integrity).toBe('ok');
  });

  it('leaves no snapshot and no lost step when it is cancelled', async () => {
    const database = halfEmpty(40_000);
    const controller = new AbortController();
    let freed = 0;
    const context: OperationContext = testContext({
      signal: controller.signal,
      progress: {
        start: () => ({
          advance: (pages) => {
            freed += pages;
            if (freed > 200) controller.abort();
          },
          total: () => {},
          done: () => {},
        }),
      },
    });
    const before = figures(database);
    await expect(vacuum(database, {}, context)).rejects.toThrow();
    const after = figures(database);
    expect(before.free - after.free).toBe(freed);
    expect(after.integrity).toBe('ok');
  });

  it('needs no WAL', async () => {
    const database = halfEmpty(20_000, 'delete');
    const { result } = await vacuum(database);
    expect(result).toMatchObject({ stoppedBy: 'done', shields: 0, walPeakBytes: 0 });
    expect(figures(database).integrity).toBe('ok');
  });
});

describe('with an idle rate', () => {
  /** Commits of another connection, from now on. */
  function commits(database: string, everyMs: number): { stop: () => number } {
    const db = new Database(database);
    db.exec('CREATE TABLE IF NOT EXISTS tick (n INTEGER)');
    let count = 0;
    const timer = setInterval(() => {
      db.prepare('INSERT INTO tick VALUES (?)').run(count);
      count += 1;
    }, everyMs);
    return {
      stop: () => {
        clearInterval(timer);
        db.close();
        return count;
      },
    };
  }

  it('does nothing beside a steady writer, and stops at its time with the shield down', async () => {
    const database = halfEmpty(5000);
    const writer = commits(database, 20);
    const deadline = Date.now() + 2500;
    const { result, shieldLeft } = await vacuum(database, { idleRate: 1, deadline });
    expect(writer.stop()).toBeGreaterThan(5);
    expect(result).toMatchObject({ stoppedBy: 'duration', freedPages: 0, steps: 0 });
    expect(shieldLeft).toBe(false);
  });

  it('waits for the end of a burst and then frees everything', async () => {
    const database = halfEmpty(5000);
    const writer = commits(database, 20);
    setTimeout(() => writer.stop(), 700);
    const { result } = await vacuum(database, { idleRate: 1 });
    expect(result).toMatchObject({ stoppedBy: 'done' });
    expect(result.idleWaitMs).toBeGreaterThan(700);
    expect(figures(database)).toMatchObject({ integrity: 'ok' });
    expect(result.freedPages).toBeGreaterThan(100);
  });

  it('starts after one quiet look-out when nobody writes', async () => {
    const database = halfEmpty(5000);
    const { result } = await vacuum(database, { idleRate: 10 });
    expect(result).toMatchObject({ stoppedBy: 'done' });
    expect(result.freedPages).toBeGreaterThan(100);
  });
});
