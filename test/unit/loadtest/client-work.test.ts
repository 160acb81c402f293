import { describe, expect, it } from 'vitest';
import { TradedbError } from '../../../src/core/error.ts';
import { ClientWork, failureCode } from '../../../src/core/loadtest/child/client-work.ts';
import { orderEntryScenarios } from '../../../src/core/loadtest/scenario/order-entry.ts';
import type { Scenario } from '../../../src/core/loadtest/scenario/scenario.ts';
import { StatementStream } from '../../../src/core/loadtest/stream/statement-stream.ts';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { testPorts } from '../../support/context.ts';

const busy = (): TradedbError =>
  new TradedbError('database_locked', 'locked', { details: { sqliteCode: 'SQLITE_BUSY_SNAPSHOT' } });

/** A client whose transaction `k` inserts k and then fails as `failures` says. */
function client(failures: (k: number) => Error | undefined) {
  const connection = openMemory(testPorts);
  connection.exec('CREATE TABLE t (k INTEGER PRIMARY KEY) STRICT');
  const work = new ClientWork({
    types: 1,
    stream: new StatementStream(orderEntryScenarios[0] as Scenario, 1),
    connection,
    busyTimeoutMs: 20,
    session: {
      run: (_, parameters) =>
        connection.tx(
          () => {
            connection.run('INSERT INTO t VALUES (?)', [parameters.k ?? null]);
            const error = failures(Number(parameters.k));
            if (error !== undefined) throw error;
          },
          { deadlineMs: 0 },
        ),
    },
  });
  const stored = (): number[] => connection.all<{ k: number }>('SELECT k FROM t ORDER BY k').map(({ k }) => k);
  return { work, stored };
}

const gaveUp = (): TradedbError =>
  new TradedbError('database_locked', 'locked', { details: { sqliteCode: 'SQLITE_BUSY_SNAPSHOT', tries: 1 } });

const prepared = (k: number) => ({ k, type: 0, parameters: { k: BigInt(k) } });

describe('the work of a client', () => {
  it('repeats a transaction while another process is in the way, and counts by extended code', () => {
    let left = 3;
    const { work, stored } = client(() => (left-- > 0 ? gaveUp() : undefined));
    expect(work.executeOne(prepared(1))).toEqual({ retriesByCode: { SQLITE_BUSY_SNAPSHOT: 3 } });
    expect(stored()).toEqual([1]);
  });

  it('gives up at the busy timeout with that code, and counts the tries', () => {
    const { work, stored } = client(gaveUp);
    const outcome = work.executeOne(prepared(1));
    expect(outcome.errorCode).toBe('SQLITE_BUSY_SNAPSHOT');
    expect(outcome.retriesByCode?.SQLITE_BUSY_SNAPSHOT).toBeGreaterThan(1);
    expect(stored()).toEqual([]);
  });

  it('never repeats another failure', () => {
    let calls = 0;
    const { work } = client(() => {
      calls += 1;
      return new TradedbError('insufficient_balance', 'no money');
    });
    expect(work.executeOne(prepared(1))).toEqual({ errorCode: 'insufficient_balance' });
    expect(calls).toBe(1);
  });

  it('undoes a failed transaction of a group alone', () => {
    const { work, stored } = client((k) => (k === 2 ? new TradedbError('overfill', 'too much') : undefined));
    expect(work.execute([1, 2, 3].map(prepared))).toEqual([{}, { errorCode: 'overfill' }, {}]);
    expect(stored()).toEqual([1, 3]);
  });

  it('repeats a whole group that met a lock', () => {
    let left = 2;
    const { work, stored } = client((k) => (k === 2 && left-- > 0 ? gaveUp() : undefined));
    const outcomes = work.execute([1, 2, 3].map(prepared));
    expect(outcomes).toEqual([{ retriesByCode: { SQLITE_BUSY_SNAPSHOT: 2 } }, {}, {}]);
    expect(stored()).toEqual([1, 2, 3]);
  });

  it('names failures by SQLite, by us, or by their class', () => {
    expect(failureCode(busy())).toBe('SQLITE_BUSY_SNAPSHOT');
    expect(failureCode(new TradedbError('overfill', ''))).toBe('overfill');
    expect(failureCode(new TypeError('x'))).toBe('TypeError');
    expect(failureCode('x')).toBe('unknown');
  });
});
