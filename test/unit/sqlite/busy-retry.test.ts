import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { retryDelayMs, retryWhileBusy, withoutStacks } from '../../../src/core/sqlite/busy-retry.ts';
import { systemClock } from '../../../src/system/system-clock.ts';

const random = (value: number) => ({ next: () => value, bytes: () => new Uint8Array() });

test('two hundred flat tries, then doubling every twenty, never above 5 ms', () => {
  expect([1, 20, 200].map((tries) => retryDelayMs(tries, random(0)))).toEqual([0.05, 0.05, 0.05]);
  expect([1, 20, 200].map((tries) => retryDelayMs(tries, random(0.5)))).toEqual([0.1, 0.1, 0.1]);
  expect([201, 220, 221, 241].map((tries) => retryDelayMs(tries, random(0.5)))).toEqual([0.2, 0.2, 0.4, 0.8]);
  expect([300, 1000, 1e6].map((tries) => retryDelayMs(tries, random(0.5)))).toEqual([3.2, 5, 5]);
});

test('waiting ends at the deadline, with tries and time in the error, and never sleeps far past it', () => {
  let nowMs = 0;
  const sleeps: number[] = [];
  const clock = {
    ...systemClock,
    now: () => nowMs,
    sleepSync: (ms: number) => {
      sleeps.push(ms);
      nowMs += ms;
    },
  };
  const busy = (): never => {
    throw new Database.SqliteError('database is locked', 'SQLITE_BUSY_RECOVERY');
  };
  const options = { clock, random: random(0.99), deadlineMs: 1000, path: '/data/market.db' };
  let thrown: unknown;
  try {
    retryWhileBusy(busy, options);
  } catch (error) {
    thrown = error;
  }
  const details = {
    sqliteCode: 'SQLITE_BUSY_RECOVERY',
    path: '/data/market.db',
    tries: sleeps.length + 1,
    waitedMs: nowMs,
  };
  expect(thrown).toMatchObject({ code: 'database_locked', details });
  expect(nowMs).toBeGreaterThanOrEqual(1000);
  expect(nowMs).toBeLessThan(1000.2);
});

test('errors without a stack keep their message, and the limit comes back', () => {
  const before = Error.stackTraceLimit;
  const fail = (): never => {
    throw new Error('kept');
  };
  expect(() => withoutStacks(fail)).toThrow('kept');
  expect(Error.stackTraceLimit).toBe(before);
});
