import { expect, test } from 'vitest';
import { BackgroundReaders } from '../../../src/core/sqlite/background-reader/pool.ts';
import type { FromReader, ToReader } from '../../../src/core/sqlite/background-reader/protocol.ts';
import type { ReaderEvents, ReaderPort } from '../../../src/core/sqlite/background-reader/reader-port.ts';
import { HookList } from '../../../src/core/sqlite/hooks.ts';
import { systemClock } from '../../../src/system/system-clock.ts';

/** Readers that answer when the test says so. */
function fakePool(size = 1) {
  const readers: { sent: ToReader[]; answer(message: FromReader): void; crash(): void }[] = [];
  const startThread = (events: ReaderEvents): ReaderPort => {
    const sent: ToReader[] = [];
    readers.push({ sent, answer: events.onMessage, crash: () => events.onCrash(new Error('killed')) });
    return { send: (message) => sent.push(message), hold: () => {}, end: () => Promise.resolve() };
  };
  const pool = new BackgroundReaders(
    { size, maxQueued: 5, queueTimeout: 1000, deadline: 1000 },
    { clock: systemClock, hooks: new HookList([], () => {}), startThread, startProcess: startThread },
  );
  return { pool, readers };
}

test('a crashed reader fails its own request alone; the waiting one gets a new reader', async () => {
  const { pool, readers } = fakePool();
  const first = pool.all('SELECT 1');
  const second = pool.all('SELECT 2');
  readers[0]?.crash();
  await expect(first).rejects.toMatchObject({ code: 'child_failed', cause: new Error('killed') });
  expect(readers).toHaveLength(2);
  readers[1]?.answer({ type: 'batch', columns: ['n'], rows: [[2]] });
  readers[1]?.answer({ type: 'done', columns: ['n'] });
  expect(await second).toEqual([{ n: 2 }]);
  expect(pool.metrics().restarts).toBe(1);
});

test('every batch is acknowledged, also those that nobody wants any more', async () => {
  const { pool, readers } = fakePool();
  const cancel = new AbortController();
  const request = pool.all('SELECT 1', [], { signal: cancel.signal });
  readers[0]?.answer({ type: 'batch', columns: ['n'], rows: [[1]] });
  cancel.abort();
  readers[0]?.answer({ type: 'batch', columns: ['n'], rows: [[2]] });
  await expect(request).rejects.toMatchObject({ code: 'cancelled' });
  expect(readers[0]?.sent.map(({ type }) => type)).toEqual(['run', 'acknowledge', 'cancel', 'acknowledge']);
  expect(pool.metrics()).toMatchObject({ busy: 1, overdue: 1 });
  readers[0]?.answer({ type: 'stopped' });
  expect(pool.metrics()).toMatchObject({ busy: 0, overdue: 0 });
});

test('an answer after the end of a request changes nothing', async () => {
  const { pool, readers } = fakePool();
  const request = pool.all('SELECT 1');
  readers[0]?.answer({ type: 'done', columns: ['n'] });
  expect(await request).toEqual([]);
  readers[0]?.answer({ type: 'done', columns: ['n'] });
  expect(pool.metrics()).toMatchObject({ busy: 0, idle: 1 });
});
