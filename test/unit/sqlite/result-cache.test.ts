import { expect, test } from 'vitest';
import { insertFill, testDatabase } from '../../support/open-database.ts';

test('hits need the same text and the same values of the same types', () => {
  const database = testDatabase();
  const query = database.query('SELECT typeof(?) AS t, ? AS v', { cache: true });
  const ask = (value: null | number | bigint | string): unknown => query.value([value, value]);
  expect([1, '1', 1n, 1.5, null, '', 'n1', 1].map(ask)).toEqual([
    'real',
    'text',
    'integer',
    'real',
    'null',
    'text',
    'text',
    'real',
  ]);
  expect(database.metrics().resultCache).toMatchObject({ hits: 1, misses: 7, entries: 7 });
  const named = database.query('SELECT :a AS a, :b AS b', { cache: true });
  expect(named.get({ a: 'x', b: 'y' })).toEqual({ a: 'x', b: 'y' });
  expect(named.get({ b: 'y', a: 'x' })).toEqual({ a: 'x', b: 'y' });
  expect(database.metrics().resultCache.hits).toBe(2);
});

test('values cannot be glued together into the key of other values', () => {
  const database = testDatabase();
  const query = database.query('SELECT ? || ? AS joined, ? AS last', { cache: true });
  expect(query.get(['a\0s1:b', 'c', 'd'])).toEqual({ joined: 'a\0s1:bc', last: 'd' });
  expect(query.get(['a', 'b\0s1:c', 'd'])).toEqual({ joined: 'ab\0s1:c', last: 'd' });
});

test('results are frozen, bounded in number and in bytes, and blobs are not kept', () => {
  const database = testDatabase({ resultCache: { entries: 3, bytes: 5000 } });
  const query = database.query('SELECT ? AS v', { cache: true });
  const rows = query.all(['kept']);
  expect(Object.isFrozen(rows) && Object.isFrozen(rows[0])).toBe(true);
  for (let n = 0; n < 10; n++) query.all([n]);
  expect(database.metrics().resultCache.entries).toBe(3);
  query.all(['x'.repeat(10_000)]);
  expect(database.metrics().resultCache.bytes).toBeLessThanOrEqual(5000);
  const blob = database.query('SELECT zeroblob(4) AS b, ? AS n', { cache: true });
  blob.get<{ b: Uint8Array }>([1])?.b.fill(7);
  expect(blob.get([1])).toMatchObject({ b: Buffer.from([0, 0, 0, 0]) });
});

test('queries without the option are never cached, and size 0 turns the cache off', () => {
  const database = testDatabase({ resultCache: { entries: 0 } });
  database.query('SELECT count(*) FROM fills').value();
  const cached = database.query('SELECT count(*) FROM fills', { cache: true });
  expect(cached.value()).toBe(0);
  database.tx((t) => t.run(insertFill, ['a', 1]));
  expect(cached.value()).toBe(1);
  expect(database.metrics().resultCache).toMatchObject({ hits: 0, entries: 0, bytes: 0 });
});
