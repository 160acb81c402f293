import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { probeDisk } from '../../../src/core/maintenance/disk-guard.ts';
import { BudgetedWrites, type WriteBudget } from '../../../src/core/maintenance/retention/budgeted-writes.ts';
import { testContext } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const rows = 300;

function makeDatabase(): { path: string; other: Database.Database } {
  const path = join(temporaryFolder(), 'a.db');
  const other = new Database(path);
  other.pragma('journal_mode = WAL');
  other.exec('CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE tick (n)');
  const insert = other.prepare('INSERT INTO t VALUES (?)');
  other.transaction(() => {
    for (let id = 1; id <= rows; id += 1) insert.run(id);
  })();
  onTestFinished(() => void other.close());
  return { path, other };
}

/** Deletes all rows, a few at a time; `prepare` hears of each batch before it. */
async function deleteAll(path: string, parts: Partial<WriteBudget>, prepare: (batch: number) => void = () => {}) {
  const budget = {
    ...{ latencyBudgetMs: 2, walBudgetBytes: 64 * 1024 * 1024, duty: 1, readerWaitMs: 5000, reserveBytes: 0 },
    ...{ probeDisk, deadline: Number.MAX_SAFE_INTEGER },
    ...parts,
  };
  const writes = new BudgetedWrites(path, budget, testContext());
  let batches = 0;
  try {
    const stop = await writes.run<number>(
      () => {
        const { changes } = writes.connection.run('DELETE FROM t WHERE id IN (SELECT id FROM t LIMIT 25)');
        return { result: changes, finished: changes === 0 };
      },
      {
        prepare: async () => prepare(batches),
        committed: () => {
          batches += 1;
        },
        burst: () => {},
      },
    );
    return { stop, batches };
  } finally {
    writes.close();
  }
}

const left = (db: Database.Database): unknown => db.prepare('SELECT count(*) FROM t').pluck().get();

describe('deletes with an idle rate', () => {
  it('wait while somebody else commits, and go on when it is quiet again', async () => {
    const { path, other } = makeDatabase();
    const idle = { rate: 10, waitedMs: 0 };
    let looked = 0;
    const { stop } = await deleteAll(path, { idle }, (batch) => {
      // Commits of others between two batches: the next one must wait for their end.
      if (batch === 1) for (let n = 0; n < 20; n += 1) other.prepare('INSERT INTO tick VALUES (?)').run(n);
      if (batch === 2) looked = idle.waitedMs;
    });
    expect(stop).toBe('done');
    expect(left(other)).toBe(0);
    // A window without commits before the first batch, and one more after those of the other.
    expect(looked).toBeGreaterThan(0);
  });

  it('leave every row beside a steady writer, and stop at their time without a read snapshot', async () => {
    const { path, other } = makeDatabase();
    const timer = setInterval(() => other.prepare('INSERT INTO tick VALUES (1)').run(), 20);
    onTestFinished(() => clearInterval(timer));
    const idle = { rate: 1, waitedMs: 0 };
    const { stop, batches } = await deleteAll(path, { idle, deadline: Date.now() + 2500 });
    clearInterval(timer);
    expect({ stop, batches }).toEqual({ stop: 'duration', batches: 0 });
    expect(left(other)).toBe(rows);
    // Nothing pins the WAL: a checkpoint moves all of it.
    expect(other.pragma('wal_checkpoint(TRUNCATE)')).toMatchObject([{ busy: 0, log: 0 }]);
  });

  it('without one begin at once', async () => {
    const { path, other } = makeDatabase();
    expect((await deleteAll(path, {})).stop).toBe('done');
    expect(left(other)).toBe(0);
  });
});
