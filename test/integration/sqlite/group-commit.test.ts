import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { GroupEvent } from '../../../src/core/sqlite/hooks.ts';
import { holdLock } from '../../support/lock-holder.ts';
import { insertFill, notes, testDatabase } from '../../support/open-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const settled = (promises: readonly Promise<unknown>[]): Promise<string[]> =>
  Promise.allSettled(promises).then((all) => all.map(({ status }) => status));

test('a group is one commit, and an operation that fails is undone and rejected alone', async () => {
  const groups: GroupEvent[] = [];
  const database = testDatabase({
    groupCommit: { maxOperations: 10 },
    hooks: [{ onGroup: (event) => groups.push(event) }],
  });
  const before = database.query('PRAGMA data_version').value();
  const outcome = await settled([
    database.enqueue((t) => t.run(insertFill, ['a', 1])),
    database.enqueue((t) => t.run(insertFill, ['a', 2])),
    database.enqueue((t) => {
      t.run(insertFill, ['undone', 1]);
      throw new Error('refused');
    }),
    database.enqueue((t) => t.run(insertFill, ['b', 1])),
  ]);
  expect(outcome).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
  expect(notes(database)).toEqual(['a', 'b']);
  expect(groups).toMatchObject([{ operations: 4, rejected: 2, committed: true }]);
  expect(Number(database.query('PRAGMA data_version').value()) - Number(before)).toBe(1);
  expect(database.metrics().groups).toMatchObject({ groups: 1, operations: 4, rejected: 2, queued: 0 });
});

test('nothing resolves before its COMMIT, and values come back in queue order', async () => {
  const database = testDatabase({ groupCommit: { maxOperations: 100 } });
  const order: number[] = [];
  const all = Array.from({ length: 30 }, (_, index) =>
    database
      .enqueue((t) => {
        t.run(insertFill, [`n${index}`, index]);
        return index;
      })
      .then((value) => {
        expect(database.writer.inTransaction).toBe(false);
        order.push(value);
      }),
  );
  expect(notes(database)).toEqual([]);
  await Promise.all(all);
  expect(order).toEqual(Array.from({ length: 30 }, (_, index) => index));
  expect(notes(database)).toHaveLength(30);
});

test('a group ends at maxOperations, with the turn, or after maxDelay', async () => {
  const sizes = (options: object, operations: number): Promise<number[]> => {
    const groups: number[] = [];
    const database = testDatabase({
      groupCommit: options,
      hooks: [{ onGroup: (event) => groups.push(event.operations) }],
    });
    const all = Array.from({ length: operations }, (_, index) =>
      database.enqueue((t) => t.run(insertFill, [`n${index}`, 1])),
    );
    return Promise.all(all).then(() => groups);
  };
  expect(await sizes({}, 3)).toEqual([1, 1, 1]);
  expect(await sizes({ maxOperations: 4 }, 10)).toEqual([4, 4, 2]);
  expect(await sizes({ maxOperations: 4, maxDelay: 20 }, 6)).toEqual([4, 2]);
  expect(await sizes({ maxOperations: 100, maxDelay: 20 }, 6)).toEqual([6]);
});

test('a tx commits what was queued before it: program order is commit order', async () => {
  const database = testDatabase({ groupCommit: { maxOperations: 100 } });
  const first = database.enqueue((t) => t.run(insertFill, ['first', 1]));
  database.tx((t) => t.run(insertFill, ['second', 1]));
  const third = database.enqueue((t) => t.run(insertFill, ['third', 1]));
  const inside = database.tx((t) => {
    const promise = database.enqueue((later) => later.run(insertFill, ['fifth', 1]));
    t.run(insertFill, ['fourth', 1]);
    return { promise };
  });
  await Promise.all([first, third, inside.promise]);
  expect(notes(database)).toEqual(['first', 'second', 'third', 'fourth', 'fifth']);
});

test('a busy group waits without blocking the thread and is tried again as a whole', async () => {
  const path = join(temporaryFolder(), 'market.db');
  const database = testDatabase({ path, groupCommit: { maxOperations: 3 } });
  const holder = await holdLock(path, ['BEGIN IMMEDIATE']);
  let runs = 0;
  const all = ['a', 'b', 'c', 'd'].map((note) =>
    database.enqueue((t) => {
      runs += 1;
      return t.run(insertFill, [note, 1]).changes;
    }),
  );
  let turns = 0;
  while (turns < 50) {
    turns += 1;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(database.metrics().groups.queued).toBe(4);
  holder.releaseSync();
  expect(await Promise.all(all)).toEqual([1, 1, 1, 1]);
  expect(runs).toBe(4);
  expect(notes(database)).toEqual(['a', 'b', 'c', 'd']);
  expect(database.metrics().groups.retries).toBeGreaterThan(0);
});

test('a group that never gets the lock is rejected with database_locked; a tx meanwhile keeps the order', async () => {
  const path = join(temporaryFolder(), 'market.db');
  const database = testDatabase({ path, groupCommit: { maxOperations: 3 }, busyTimeout: 30 });
  const holder = await holdLock(path, ['BEGIN IMMEDIATE']);
  const lost = database.enqueue((t) => t.run(insertFill, ['lost', 1]));
  await expect(lost).rejects.toMatchObject({ code: 'database_locked' });
  const flushed = database.enqueue((t) => t.run(insertFill, ['flushed', 1]));
  const rejected = expect(flushed).rejects.toMatchObject({ code: 'database_locked' });
  expect(() => database.tx((t) => t.run(insertFill, ['tx', 1]))).toThrow(
    expect.objectContaining({ code: 'database_locked' }),
  );
  await rejected;
  holder.releaseSync();
  expect(notes(database)).toEqual([]);
  await database.enqueue((t) => t.run(insertFill, ['later', 1]));
  expect(notes(database)).toEqual(['later']);
});

test('a full disk rejects the whole group and the database still works', async () => {
  const database = testDatabase({ groupCommit: { maxOperations: 50 } });
  database.tx((t) => t.run(insertFill, ['kept', 1]));
  const pages = Number(database.writer.pragmaValue('page_count'));
  database.writer.pragma(`max_page_count = ${pages + 2}`);
  const outcome = await Promise.allSettled(
    Array.from({ length: 50 }, (_, index) =>
      database.enqueue((t) => t.run(insertFill, [`${index}${'x'.repeat(900)}`, 1])),
    ),
  );
  expect(new Set(outcome.map(({ status }) => status))).toEqual(new Set(['rejected']));
  expect(outcome[0]).toMatchObject({ reason: { code: 'disk_full' } });
  expect(database.writer.inTransaction).toBe(false);
  database.writer.pragma('max_page_count = 1000000');
  await database.enqueue((t) => t.run(insertFill, ['again', 1]));
  expect(notes(database)).toEqual(['kept', 'again']);
});

test('the queue is bounded, an async operation is refused, and a closed database takes nothing', async () => {
  const database = testDatabase({ groupCommit: { maxOperations: 100, maxQueued: 2 } });
  const good = [1, 2].map((n) => database.enqueue((t) => t.run(insertFill, [`n${n}`, n])));
  await expect(database.enqueue((t) => t.run(insertFill, ['x', 1]))).rejects.toMatchObject({ code: 'queue_full' });
  await Promise.all(good);
  const refused = database.enqueue(async (t) => {
    t.run(insertFill, ['async', 1]);
  });
  await expect(refused).rejects.toMatchObject({ code: 'async_transaction' });
  const last = database.enqueue((t) => t.run(insertFill, ['last', 1]).changes);
  const closing = database.close();
  expect(await last).toBe(1);
  await closing;
  await expect(database.enqueue(() => 1)).rejects.toMatchObject({ code: 'database_closed' });
  expect(() => database.tx(() => 1)).toThrow(expect.objectContaining({ code: 'database_closed' }));
});

test('a process killed in the middle of its groups leaves each group whole or absent', async () => {
  const script = fileURLToPath(new URL('../../support/group-writer.mjs', import.meta.url));
  for (let round = 0; round < 5; round++) {
    const path = join(temporaryFolder(), 'market.db');
    const child = fork(script, [path], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    let acknowledged = 0;
    child.on('message', (group) => {
      acknowledged = Math.max(acknowledged, Number(group));
      if (acknowledged >= 3 + round * 4) child.kill('SIGKILL');
    });
    await once(child, 'exit');
    const database = testDatabase({ path });
    const groups = database.query('SELECT qty AS grp, count(*) AS n FROM fills GROUP BY qty').all<{
      grp: number;
      n: number;
    }>();
    expect(groups.every(({ n }) => n === 20)).toBe(true);
    expect(groups.length).toBeGreaterThanOrEqual(acknowledged);
    await database.close();
  }
});
