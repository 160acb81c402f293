import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { BackgroundReadEvent } from '../../../src/core/sqlite/hooks.ts';
import type { TradingDatabase } from '../../../src/core/sqlite/trading-database.ts';
import { countTo, insertFill, sumTo, testDatabase } from '../../support/open-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** Long enough to be in the way, short enough to wait for: about a second. */
const slow = sumTo(8_000_000);

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'rows',
    (error: { code?: string }) => error.code,
  );

async function untilIdle(database: TradingDatabase): Promise<void> {
  while (database.metrics().background.busy > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('rows of every type come back as on the calling thread, in order, over many batches', async () => {
  const database = testDatabase();
  const types = "SELECT 1 AS i, 1.5 AS r, 'ö🪙' AS t, x'00ff' AS b, NULL AS n";
  expect(await database.background.all(types)).toEqual([
    { i: 1, r: 1.5, t: 'ö🪙', b: expect.any(Uint8Array), n: null },
  ]);
  const rows = await database.background.all<{ x: number }>(countTo(25_500));
  expect(rows).toHaveLength(25_500);
  expect(rows.every(({ x }, index) => x === index + 1)).toBe(true);
  const bound = 'SELECT :a + :b AS sum';
  expect(await database.background.all(bound, { a: 1, b: 2 })).toEqual([{ sum: 3 }]);
  expect(await database.background.all('SELECT id FROM fills')).toEqual([]);
});

test('batches are handed over in column order with at most 1000 rows each', async () => {
  const database = testDatabase();
  const sizes: number[] = [];
  await database.background.batches(countTo(2500), undefined, {}, (columns, rows) => {
    expect(columns).toEqual(['x']);
    sizes.push(rows.length);
  });
  expect(sizes).toEqual([1000, 1000, 500, 0]);
});

test('a query sees one snapshot although the writer goes on', async () => {
  const database = testDatabase();
  database.tx((t) => {
    for (let n = 0; n < 5000; n++) t.run(insertFill, [`n${n}`, 1]);
  });
  let seen = 0;
  let late = 0;
  await database.background.batches('SELECT id FROM fills', undefined, {}, (_columns, rows) => {
    seen += rows.length;
    database.tx((t) => t.run(insertFill, [`late${late++}`, 1]));
  });
  expect(seen).toBe(5000);
});

test('errors name their cause; a reader cannot write', async () => {
  const database = testDatabase();
  expect(await codeOf(database.background.all('SELECT nothing'))).toBe('sql_error');
  expect(await codeOf(database.background.all('DELETE FROM fills'))).toBe('read_only');
  expect(await codeOf(database.background.all('SELECT ?', []))).toBe('sql_error');
  const sinkError = database.background.batches(countTo(5000), undefined, {}, () => {
    throw new Error('sink');
  });
  await expect(sinkError).rejects.toThrow('sink');
  expect(await codeOf(database.background.all(countTo(5000), [], { maxRows: 1500 }))).toBe('deadline_exceeded');
  expect(await database.background.all('SELECT 1 AS ok')).toEqual([{ ok: 1 }]);
});

test('a deadline between rows stops the reader; one inside a statement leaves it overdue, never replaced', async () => {
  const database = testDatabase({ backgroundReaders: { size: 1 } });
  const endless = database.background.batches(countTo(1e9), undefined, { deadlineMs: 60 }, () => {});
  expect(await codeOf(endless)).toBe('deadline_exceeded');
  await untilIdle(database);
  expect(await codeOf(database.background.all(slow, [], { deadlineMs: 30 }))).toBe('deadline_exceeded');
  expect(database.metrics().background).toMatchObject({ size: 1, busy: 1, idle: 0, overdue: 1, timeouts: 2 });
  expect(await codeOf(database.background.all('SELECT 1'))).toBe('pool_exhausted');
  await untilIdle(database);
  expect(await codeOf(database.background.all('SELECT 1'))).toBe('rows');
  expect(database.metrics().background).toMatchObject({ overdue: 0, refused: 1, restarts: 0 });
});

test('in a process of its own a statement without rows is killed at its deadline', async () => {
  const database = testDatabase();
  const options = { isolation: 'process', deadlineMs: 300 } as const;
  const endless = 'WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';
  expect(await codeOf(database.background.all(endless, [], options))).toBe('deadline_exceeded');
  expect(database.metrics().background).toMatchObject({ busy: 0, overdue: 0 });
  const rows = await database.background.all(countTo(3500), [], { ...options, deadlineMs: 30_000 });
  expect(rows).toHaveLength(3500);
  database.tx((t) => t.run(insertFill, ['after', 1]));
  expect(database.checkpoint('truncate').busy).toBe(false);
});

test('the queue is bounded in length and in time, and cancelled requests leave it', async () => {
  const events: BackgroundReadEvent[] = [];
  const database = testDatabase({
    backgroundReaders: { size: 1, maxQueued: 2, queueTimeout: 50 },
    hooks: [{ onBackgroundRead: (event) => events.push(event) }],
  });
  const cancel = new AbortController();
  const all = [
    database.background.all(slow),
    database.background.all('SELECT 1'),
    database.background.all('SELECT 2', [], { signal: cancel.signal }),
    database.background.all('SELECT 3'),
  ];
  expect(database.metrics().background).toMatchObject({ busy: 1, queued: 2, refused: 1 });
  cancel.abort();
  expect(database.metrics().background.queued).toBe(1);
  expect(await Promise.all(all.map(codeOf))).toEqual(['rows', 'pool_exhausted', 'cancelled', 'queue_full']);
  expect(events.map(({ outcome }) => outcome).sort()).toEqual(['cancelled', 'refused', 'refused', 'rows']);
  expect(await codeOf(database.background.all('SELECT 1', [], { signal: AbortSignal.abort() }))).toBe('cancelled');
});

test('cancelling a running query frees its caller at once and its reader after the statement', async () => {
  const database = testDatabase({ backgroundReaders: { size: 2 } });
  const cancel = new AbortController();
  const running = database.background.all(slow, [], { signal: cancel.signal });
  cancel.abort();
  expect(await codeOf(running)).toBe('cancelled');
  expect(database.metrics().background.overdue).toBe(1);
  expect(await codeOf(database.background.all('SELECT 1'))).toBe('rows');
  await untilIdle(database);
});

test('many requests on two threads: each ends once, the threads never exceed the size', async () => {
  const database = testDatabase({ backgroundReaders: { size: 2, maxQueued: 200 } });
  let ended = 0;
  const all = Array.from({ length: 100 }, (_, n) =>
    database.background.all<{ n: number }>('SELECT ? AS n', [n]).then((rows) => {
      ended += 1;
      return rows[0]?.n;
    }),
  );
  expect(database.metrics().background).toMatchObject({ size: 2, busy: 2, queued: 98 });
  expect(await Promise.all(all)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  expect(ended).toBe(100);
  const { run, queueWait } = database.metrics().background;
  expect([run.count, queueWait.count]).toEqual([100, 100]);
});

// Windows does not rename an open file.
test.runIf(process.platform !== 'win32')(
  'a database that went away is named, and the same reader serves the next request',
  async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'market.db');
    const database = testDatabase({ path, backgroundReaders: { size: 1 } });
    renameSync(path, join(folder, 'moved.db'));
    expect(await codeOf(database.background.all('SELECT 1'))).toBe('database_not_found');
    renameSync(join(folder, 'moved.db'), path);
    expect(await codeOf(database.background.all('SELECT 1'))).toBe('rows');
    expect(database.metrics().background.restarts).toBe(0);
  },
);

test('close ends waiting and running requests with database_closed and is graceful twice', async () => {
  const database = testDatabase({ backgroundReaders: { size: 1 } });
  const pending = [countTo(1e7), 'SELECT 1'].map((sql) =>
    codeOf(database.background.batches(sql, undefined, {}, () => {})),
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  const closing = database.close();
  expect(database.close()).toBe(closing);
  expect(await Promise.all(pending)).toEqual(['database_closed', 'database_closed']);
  await closing;
  expect(await codeOf(database.background.all('SELECT 1'))).toBe('database_closed');
});

test.runIf(process.platform === 'linux')(
  'threads that open and close leave the locks of the process alone',
  async () => {
    const path = join(temporaryFolder(), 'market.db');
    const database = testDatabase({ path });
    const locks = (): string[] =>
      readFileSync('/proc/locks', 'utf8')
        .split('\n')
        .filter((line) => line.includes(` ${process.pid} `))
        .map((line) => line.replace(/^\d+: /, ''))
        .sort();
    database.query('SELECT 1 FROM fills').all();
    const before = locks();
    expect(before.length).toBeGreaterThan(0);
    const second = testDatabase({ path });
    await second.background.all('SELECT count(*) FROM fills');
    await second.close();
    expect(locks()).toEqual(before);
    // With the write lock held, so that a lost lock would show.
    const third = testDatabase({ path });
    await third.background.all('SELECT 1');
    database.writer.begin();
    const inside = locks();
    expect(inside.length).toBeGreaterThan(before.length);
    await third.background.all('SELECT count(*) FROM fills');
    await third.close();
    expect(locks()).toEqual(inside);
    database.writer.rollback();
  },
);
