import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { insertFill, testDatabase } from '../../support/open-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const step = fc.constantFrom(
  'own write',
  'own write rolled back',
  'other write',
  'attached write',
  'ddl',
  'other ddl',
  'vacuum',
  'checkpoint',
  'group',
  'ask',
  'ask twice in a read',
  'ask in a read with a write between',
  'ask in a tx',
);

const queries = [
  'SELECT count(*) AS n, total(qty) AS q FROM fills',
  "SELECT count(*) AS n FROM sqlite_schema WHERE name LIKE 'extra%'",
  'SELECT note FROM fills WHERE qty > 2 ORDER BY id',
];

test('a cached answer is never older than the state it is asked of', async () => {
  const path = join(temporaryFolder(), 'market.db');
  const database = testDatabase({ path, groupCommit: { maxOperations: 4 } });
  // Other connections stand for other processes: SQLite tells them apart by nothing else.
  const other = new Database(path);
  const attaching = new Database(':memory:');
  attaching.prepare('ATTACH ? AS market').run(path);
  let serial = 0;
  const truth = (sql: string): unknown[] => other.prepare(sql).all();
  const ask = (sql: string): unknown => database.query(sql, { cache: true }).all();

  const actions: Record<string, () => unknown> = {
    'own write': () => database.tx((t) => t.run(insertFill, [`own${serial++}`, serial % 5])),
    'own write rolled back': () =>
      expect(() =>
        database.tx((t) => {
          t.run('DELETE FROM fills');
          throw new Error('no');
        }),
      ).toThrow('no'),
    'other write': () => other.prepare(insertFill).run(`other${serial++}`, serial % 5),
    'attached write': () =>
      attaching.prepare(insertFill.replace('fills', 'market.fills')).run(`a${serial++}`, serial % 5),
    ddl: () => database.tx((t) => t.exec(`CREATE TABLE extra${serial++} (x)`)),
    'other ddl': () => other.exec(`CREATE INDEX extra${serial++} ON fills (qty)`),
    vacuum: () => other.exec('VACUUM'),
    checkpoint: () => database.checkpoint('passive'),
    group: () => Promise.all([1, 2].map(() => database.enqueue((t) => t.run(insertFill, [`g${serial++}`, 1])))),
    ask: () => {
      for (const sql of queries) expect(ask(sql)).toEqual(truth(sql));
    },
    'ask twice in a read': () =>
      database.read((r) => {
        for (const sql of queries) expect(r.cached(sql)).toEqual(truth(sql));
        for (const sql of queries) expect(ask(sql)).toEqual(r.all(sql));
      }),
    'ask in a read with a write between': () =>
      database.read((r) => {
        const before = queries.map((sql) => r.all(sql));
        other.prepare(insertFill).run(`between${serial++}`, 4);
        expect(queries.map((sql) => r.cached(sql))).toEqual(before);
      }),
    'ask in a tx': () =>
      database.tx((t) => {
        t.run(insertFill, [`in${serial++}`, 3]);
        for (const sql of queries) expect(ask(sql)).toEqual(t.all(sql));
      }),
  };

  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      for (const name of steps) await actions[name]?.();
      actions.ask?.();
    }),
    { numRuns: 60 },
  );
  expect(database.metrics().resultCache.hits).toBeGreaterThan(50);
  other.close();
  attaching.close();
});
