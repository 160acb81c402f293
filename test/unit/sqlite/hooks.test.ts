import { expect, test } from 'vitest';
import type { TransactionEvent } from '../../../src/core/sqlite/hooks.ts';
import { LatencyRecorder } from '../../../src/core/sqlite/latency-recorder.ts';
import { systemClock } from '../../../src/system/system-clock.ts';
import { insertFill, testDatabase } from '../../support/open-database.ts';

test('a transaction is reported with its name and end', () => {
  const events: TransactionEvent[] = [];
  const database = testDatabase({ hooks: [{ onTransaction: (event) => events.push(event) }] });
  events.length = 0;
  database.tx((t) => t.tx((inner) => inner.run(insertFill, ['a', 1])), { name: 'order-entry' });
  expect(() => database.tx((t) => t.run(insertFill, ['a', 1]), { name: 'repeat' })).toThrow();
  expect(() =>
    database.tx(() => {
      throw new RangeError('mine');
    }),
  ).toThrow('mine');
  expect(events).toMatchObject([
    { name: 'order-entry', committed: true, retries: 0, retriesByCode: {}, waitMs: 0 },
    { name: 'repeat', committed: false, errorCode: 'constraint_violation' },
    { name: 'tx', committed: false },
  ]);
  expect(events.every(({ serviceMs }) => serviceMs >= 0)).toBe(true);
  expect(database.metrics().transactions).toMatchObject({ committed: 2, failed: 2, retries: 0, waitedMs: 0 });
});

test('without hooks a transaction reads no clock', () => {
  let reads = 0;
  const now = (): number => {
    reads += 1;
    return systemClock.now();
  };
  const database = testDatabase({ clock: { ...systemClock, now } });
  reads = 0;
  for (let n = 0; n < 100; n++) database.tx((t) => t.run(insertFill, [`n${n}`, n]));
  expect(reads).toBe(0);
});

test('a hook that throws is reported once and removed; the others and the transaction go on', () => {
  const failures: unknown[] = [];
  let good = 0;
  const bad = {
    onTransaction: (): void => {
      throw new Error('broken hook');
    },
  };
  const database = testDatabase({
    hooks: [bad, { onTransaction: () => void good++ }],
    onHookError: (error) => {
      failures.push(error);
      throw new Error('the report fails too');
    },
  });
  database.tx((t) => t.run(insertFill, ['a', 1]));
  database.tx((t) => t.run(insertFill, ['b', 1]));
  expect(failures).toEqual([new Error('broken hook')]);
  expect(good).toBe(3);
  expect(database.metrics().hookFailures).toBe(1);
  expect(database.query('SELECT count(*) FROM fills').value()).toBe(2);
});

test('the bundled recorder gives one histogram per transaction name', () => {
  const recorder = new LatencyRecorder();
  const database = testDatabase({ hooks: [recorder] });
  for (let n = 0; n < 10; n++) database.tx((t) => t.run(insertFill, [`n${n}`, n]), { name: 'order-entry' });
  expect(recorder.service.get('order-entry')?.count).toBe(10);
  expect(database.metrics().latency?.['order-entry']).toMatchObject({ unit: 'ns', count: 10 });
  expect(testDatabase().metrics().latency).toBeUndefined();
});
