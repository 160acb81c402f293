import { expect, test } from 'vitest';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { StatementCache } from '../../../src/core/sqlite/statement-cache.ts';
import { testPorts } from '../../support/context.ts';

const rows = 'SELECT value AS n FROM generate_series(1, 5)';
const threeRows = 'SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3';

test('ten thousand different texts stay bounded, and the least recently used go first', () => {
  const connection = openMemory(testPorts);
  const prepared: string[] = [];
  const cache = new StatementCache(10, (sql) => {
    prepared.push(sql);
    return connection.prepare(sql);
  });
  const hot = 'SELECT 0';
  for (let n = 1; n <= 10_000; n++) {
    cache.get(`SELECT ${n}`);
    cache.get(hot);
  }
  expect(cache.size).toBe(10);
  expect(prepared.filter((sql) => sql === hot)).toHaveLength(1);
  expect(prepared).toHaveLength(10_001);
  connection.close();
});

test('a statement with an open iterator is neither evicted nor shared', () => {
  const connection = openMemory(testPorts);
  const cache = new StatementCache(2, (sql) => connection.prepare(sql));
  const first = cache.get(threeRows);
  const iterator = first.iterate<{ n: number }>();
  expect(iterator.next().value).toEqual({ n: 1 });
  const second = cache.get(threeRows);
  expect(second).not.toBe(first);
  expect(second.all()).toHaveLength(3);
  for (let n = 0; n < 20; n++) cache.get(`SELECT ${n}`);
  expect([...iterator].map(({ n }) => n)).toEqual([2, 3]);
  expect(cache.get(threeRows)).toBe(first);
  connection.close();
});

test('the same statement cannot be iterated twice at once', () => {
  const connection = openMemory(testPorts);
  const statement = connection.prepare(threeRows);
  const open = statement.iterate();
  open.next();
  expect(() => [...statement.iterate()]).toThrow(expect.objectContaining({ code: 'statement_busy' }));
  connection.close();
});

test('a changed schema between two uses is noticed', () => {
  const connection = openMemory(testPorts);
  connection.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
  expect(connection.get('SELECT * FROM t')).toEqual({ a: 1 });
  connection.exec('ALTER TABLE t ADD COLUMN b DEFAULT 2');
  expect(connection.get('SELECT * FROM t')).toEqual({ a: 1, b: 2 });
  connection.exec('DROP TABLE t');
  expect(() => connection.get('SELECT * FROM t')).toThrow(expect.objectContaining({ code: 'sql_error' }));
  connection.close();
});

test('the form of a cached statement does not change under its other users', () => {
  const connection = openMemory(testPorts);
  const sql = 'SELECT 9007199254740993 AS big';
  expect(connection.statement(sql).withBigIntegers().asArrays().get()).toEqual([9_007_199_254_740_993n]);
  expect(connection.statement(sql, { bigIntegers: true }).get()).toEqual({ big: 9_007_199_254_740_993n });
  expect(connection.statement(sql, { arrays: true }).get()).toEqual([9_007_199_254_740_992]);
  expect(connection.statement(sql).asArrays().get()).toEqual([9_007_199_254_740_992]);
  expect(connection.get(sql)).toEqual({ big: 9_007_199_254_740_992 });
  connection.close();
});

test('an iteration that outlives its transaction throws instead of ending early', () => {
  const connection = openMemory(testPorts);
  const open = connection.tx((t) => {
    const iterator = t.iterate(threeRows);
    iterator.next();
    return iterator;
  });
  expect(connection.inTransaction).toBe(false);
  expect(() => open.next()).toThrow(expect.objectContaining({ code: 'statement_busy' }));
  expect(connection.iterators.size).toBe(0);
  expect(() => connection.all(rows)).toThrow(expect.objectContaining({ code: 'sql_error' }));
  connection.close();
});
