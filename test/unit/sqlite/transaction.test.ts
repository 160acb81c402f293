import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { runTransaction, type TransactionTarget } from '../../../src/core/sqlite/transaction.ts';
import { testPorts } from '../../support/context.ts';

const busy = (code = 'SQLITE_BUSY'): Error => new Database.SqliteError('database is locked', code);

/** A connection that answers busy where the script says so, and writes down what was asked of it. */
function scripted(answers: { begin?: number; commit?: number; selfRollback?: boolean }) {
  const log: string[] = [];
  let { begin = 0, commit = 0 } = answers;
  let open = false;
  const target: TransactionTarget = {
    path: 'scripted.db',
    ports: { ...testPorts, clock: { ...testPorts.clock, sleepSync: () => log.push('wait') } },
    busyTimeoutMs: 1000,
    get inTransaction() {
      return open;
    },
    begin() {
      log.push('begin');
      if (begin-- > 0) throw busy();
      open = true;
    },
    commit() {
      log.push('commit');
      if (commit-- > 0) throw busy();
      open = false;
    },
    rollback() {
      log.push('rollback');
      open = false;
    },
  };
  const abort = (): void => {
    open = false;
  };
  return { target, log, abort };
}

test('a busy answer of the nth statement repeats the whole function', () => {
  for (const nth of [1, 2, 3]) {
    const { target, log } = scripted({});
    let failures = 2;
    const result = runTransaction(
      target,
      () => {
        for (let statement = 1; statement <= 3; statement++) {
          log.push(`s${statement}`);
          if (statement === nth && failures-- > 0) throw busy('SQLITE_BUSY_SNAPSHOT');
        }
        return 'done';
      },
      {},
    );
    const attempt = ['s1', 's2', 's3'].slice(0, nth);
    const failed = ['begin', ...attempt, 'rollback', 'wait'];
    expect(log).toEqual([...failed, ...failed, 'begin', 's1', 's2', 's3', 'commit']);
    expect(result).toBe('done');
  }
});

test('a busy COMMIT is repeated alone', () => {
  const { target, log } = scripted({ commit: 3 });
  runTransaction(target, () => log.push('fn'), {});
  expect(log).toEqual(['begin', 'fn', 'commit', 'wait', 'commit', 'wait', 'commit', 'wait', 'commit']);
});

test('no ROLLBACK is sent when SQLite has rolled back by itself', () => {
  const { target, log, abort } = scripted({});
  const fail = (): never => {
    abort();
    throw new Database.SqliteError('database or disk is full', 'SQLITE_FULL');
  };
  expect(() => runTransaction(target, fail, {})).toThrow(expect.objectContaining({ code: 'disk_full' }));
  expect(log).toEqual(['begin']);
});

test('a wait that already ended at its deadline is not waited for again', () => {
  const { target, log } = scripted({ begin: 1_000_000 });
  const outer = scripted({});
  let calls = 0;
  expect(() =>
    runTransaction(
      outer.target,
      () => {
        calls += 1;
        runTransaction(target, () => {}, { deadlineMs: 0 });
      },
      {},
    ),
  ).toThrow(expect.objectContaining({ code: 'database_locked' }));
  expect(calls).toBe(1);
  expect(log).toEqual(['begin']);
});

test('an async function is refused, leaves nothing, and its later failure does not escape', async () => {
  const connection = openMemory(testPorts);
  connection.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY)');
  const insertLater = async (): Promise<void> => {
    connection.run('INSERT INTO orders DEFAULT VALUES');
    await Promise.resolve();
    throw new Error('later');
  };
  expect(() => connection.tx(insertLater)).toThrow(expect.objectContaining({ code: 'async_transaction' }));
  expect(() => connection.tx((t) => t.tx(insertLater))).toThrow(expect.objectContaining({ code: 'async_transaction' }));
  await new Promise((resolve) => setImmediate(resolve));
  expect(connection.value('SELECT count(*) FROM orders')).toBe(0);
  expect(connection.inTransaction).toBe(false);
  connection.close();
});
