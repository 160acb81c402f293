import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { type Connection, createDatabase, openReadWrite } from '../../../src/core/sqlite/connection.ts';
import { fullProfile, normalProfile } from '../../../src/core/sqlite/pragma-profile.ts';
import { systemRandom } from '../../../src/system/system-random.ts';
import { testPorts } from '../../support/context.ts';
import { countingClock, holdLock } from '../../support/lock-holder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function newDatabase(journalMode = 'wal'): string {
  const path = join(temporaryFolder(), 'market.db');
  const connection = createDatabase(path, normalProfile, testPorts);
  connection.pragma(`journal_mode = ${journalMode}`);
  connection.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, account TEXT UNIQUE)');
  connection.close();
  return path;
}

const count = (connection: Connection): unknown => connection.value('SELECT count(*) FROM orders');

test('BUSY at BEGIN: the function waits outside and runs once', async () => {
  const path = newDatabase();
  const holder = await holdLock(path, ['BEGIN IMMEDIATE']);
  const clock = countingClock((sleeps) => {
    if (sleeps === 30) holder.releaseSync();
  });
  const connection = openReadWrite(path, fullProfile, { clock, random: systemRandom });
  let calls = 0;
  const tries = { tries: 0, waitedMs: 0, byCode: {} };
  connection.tx(
    (t) => {
      calls += 1;
      t.run("INSERT INTO orders (account) VALUES ('a')");
    },
    {},
    tries,
  );
  expect(calls).toBe(1);
  expect(clock.sleeps).toHaveLength(30);
  expect(tries).toMatchObject({ tries: 30, byCode: { SQLITE_BUSY: 30 } });
  expect(clock.sleeps.slice(0, 20).every((ms) => ms >= 0.05 && ms <= 0.15)).toBe(true);
  expect(count(connection)).toBe(1);
  expect(connection.inTransaction).toBe(false);
  connection.close();
});

test('BUSY at a statement: the whole function runs again and the rows appear once', async () => {
  const path = newDatabase();
  const prices = newDatabase('delete');
  const holder = await holdLock(prices, ['BEGIN EXCLUSIVE']);
  const clock = countingClock((sleeps) => {
    if (sleeps === 7) holder.releaseSync();
  });
  const connection = openReadWrite(path, fullProfile, { clock, random: systemRandom });
  // A busy statement needs a lock that BEGIN does not take: here the one of a second database of this process.
  const other = new Database(prices, { timeout: 0 });
  let calls = 0;
  connection.tx((t) => {
    calls += 1;
    t.run("INSERT INTO orders (account) VALUES ('a')");
    other.exec("INSERT INTO orders (account) VALUES ('p')");
    t.run("INSERT INTO orders (account) VALUES ('b')");
  });
  expect(calls).toBe(8);
  expect(count(connection)).toBe(2);
  expect(other.prepare('SELECT count(*) FROM orders').pluck().get()).toBe(1);
  connection.close();
  other.close();
});

test('BUSY at COMMIT: only COMMIT is repeated', async () => {
  const path = newDatabase('delete');
  // A reader of a rollback-journal database lets a writer begin but not commit.
  const holder = await holdLock(path, ['BEGIN', 'SELECT count(*) FROM orders']);
  const clock = countingClock((sleeps) => {
    if (sleeps === 5) holder.releaseSync();
  });
  const connection = openReadWrite(path, fullProfile, { clock, random: systemRandom });
  let calls = 0;
  connection.tx((t) => {
    calls += 1;
    t.run("INSERT INTO orders (account) VALUES ('a')");
  });
  expect(calls).toBe(1);
  expect(clock.sleeps).toHaveLength(5);
  expect(count(connection)).toBe(1);
  connection.close();
});

test('a lock that never goes away ends in database_locked, at BEGIN and at COMMIT, and leaves nothing', async () => {
  const wal = newDatabase();
  await holdLock(wal, ['BEGIN IMMEDIATE']);
  const rollback = newDatabase('delete');
  const holder = await holdLock(rollback, ['BEGIN', 'SELECT count(*) FROM orders']);
  for (const path of [wal, rollback]) {
    const connection = openReadWrite(path, fullProfile, testPorts);
    const attempt = (): void => {
      connection.tx((t) => t.run("INSERT INTO orders (account) VALUES ('a')"), { deadlineMs: 30 });
    };
    expect(attempt).toThrow(
      expect.objectContaining({
        code: 'database_locked',
        details: expect.objectContaining({ sqliteCode: 'SQLITE_BUSY', tries: expect.any(Number) }),
      }),
    );
    expect(connection.inTransaction).toBe(false);
    if (path === rollback) holder.releaseSync();
    expect(count(connection)).toBe(0);
    connection.close();
  }
});

test('a constraint error is thrown at once, even while the same call waited before', async () => {
  const path = newDatabase();
  const clock = countingClock();
  const connection = openReadWrite(path, fullProfile, { clock, random: systemRandom });
  connection.run("INSERT INTO orders (account) VALUES ('a')");
  let calls = 0;
  const attempt = (): void => {
    connection.tx((t) => {
      calls += 1;
      t.run("INSERT INTO orders (account) VALUES ('b')");
      t.run("INSERT INTO orders (account) VALUES ('a')");
    });
  };
  expect(attempt).toThrow(
    expect.objectContaining({
      code: 'constraint_violation',
      details: expect.objectContaining({ sqliteCode: 'SQLITE_CONSTRAINT_UNIQUE' }),
    }),
  );
  expect(calls).toBe(1);
  expect(clock.sleeps).toHaveLength(0);
  expect(count(connection)).toBe(1);
  connection.close();
});

test('reads and single statements outside a transaction wait for a lock too', async () => {
  const path = newDatabase('delete');
  const holder = await holdLock(path, ['BEGIN EXCLUSIVE']);
  let sleeps = 0;
  const clock = countingClock(() => {
    sleeps += 1;
    if (sleeps === 4) holder.releaseSync();
  });
  const connection = openReadWrite(path, fullProfile, { clock, random: systemRandom });
  expect(connection.read((r) => count(r))).toBe(0);
  expect(sleeps).toBe(4);
  connection.close();
});

test('SQLITE_FULL rolls the transaction back and the database still works', () => {
  const path = newDatabase();
  const connection = openReadWrite(path, fullProfile, testPorts);
  connection.run("INSERT INTO orders (account) VALUES ('kept')");
  connection.pragma(`max_page_count = ${Number(connection.pragmaValue('page_count')) + 2}`);
  const fill = (): void => {
    connection.tx((t) => {
      for (let row = 0; row < 1000; row++) {
        t.run('INSERT INTO orders (account) VALUES (?)', [`${row}-${'x'.repeat(500)}`]);
      }
    });
  };
  expect(fill).toThrow(expect.objectContaining({ code: 'disk_full' }));
  expect(connection.inTransaction).toBe(false);
  expect(count(connection)).toBe(1);
  connection.tx((t) => t.run("INSERT INTO orders (account) VALUES ('small')"));
  expect(count(connection)).toBe(2);
  connection.close();
});

test('SQLITE_FULL inside a savepoint takes the whole transaction away, never half of it', () => {
  const path = newDatabase();
  const connection = openReadWrite(path, fullProfile, testPorts);
  connection.pragma(`max_page_count = ${Number(connection.pragmaValue('page_count')) + 2}`);
  expect(() =>
    connection.tx((outer) => {
      outer.run("INSERT INTO orders (account) VALUES ('outer')");
      outer.tx((inner) => {
        for (let row = 0; row < 1000; row++) {
          inner.run('INSERT INTO orders (account) VALUES (?)', [`${row}-${'x'.repeat(500)}`]);
        }
      });
    }),
  ).toThrow(expect.objectContaining({ code: 'disk_full' }));
  expect(connection.inTransaction).toBe(false);
  expect(count(connection)).toBe(0);
  connection.close();
});
