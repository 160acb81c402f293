import { expect, test } from 'vitest';
import type { ReadEvent } from '../../../src/core/sqlite/hooks.ts';
import { systemClock } from '../../../src/system/system-clock.ts';
import { insertFill, testDatabase } from '../../support/open-database.ts';

const count = 'SELECT count(*) FROM fills';

test('every query of a read sees the same state, nested ones too', () => {
  const database = testDatabase();
  const seen = database.read((r) => {
    const before = r.value(count);
    database.tx((t) => t.run(insertFill, ['late', 1]));
    return [before, r.value(count), database.read((inner) => inner.value(count)), database.query(count).value()];
  });
  expect(seen).toEqual([0, 0, 0, 0]);
  expect(database.query(count).value()).toBe(1);
  expect(database.metrics().reads).toEqual({ snapshots: 1, overdue: 0 });
});

test('a read inside a tx sees what the transaction has written', () => {
  const database = testDatabase();
  database.tx((t) => {
    t.run(insertFill, ['a', 1]);
    expect(database.read((r) => [r.value(count), r.cached(count)])).toEqual([1, [{ 'count(*)': 1 }]]);
    expect(database.query(count).value()).toBe(1);
  });
});

test('a tx inside a read sees itself; on one connection it is refused', () => {
  const database = testDatabase();
  const seen = database.read((r) => {
    const before = r.value(count);
    const inside = database.tx((t) => {
      t.run(insertFill, ['a', 1]);
      return database.read((inner) => inner.value(count));
    });
    return [before, inside, r.value(count)];
  });
  expect(seen).toEqual([0, 1, 0]);
  const { writer } = database;
  expect(() => writer.read(() => writer.tx((t) => t.run(insertFill, ['b', 1])))).toThrow(
    expect.objectContaining({ code: 'usage' }),
  );
  expect(writer.read(() => database.query(count).value())).toBe(1);
  expect(writer.inTransaction).toBe(false);
});

test('get, all, iterate and cached agree', () => {
  const database = testDatabase();
  database.tx((t) => {
    for (let n = 0; n < 200; n++) t.run(insertFill, [`n${n}`, n]);
  });
  const sql = 'SELECT note, qty FROM fills WHERE qty < :limit ORDER BY id';
  database.read((r) => {
    const all = r.all(sql, { limit: 150 });
    expect(all).toHaveLength(150);
    expect([...r.iterate(sql, { limit: 150 })]).toEqual(all);
    expect(r.cached(sql, { limit: 150 })).toEqual(all);
    expect(r.get(sql, { limit: 150 })).toEqual(all[0]);
  });
});

test('an old snapshot is reported once and refused at ten times its limit', () => {
  let offsetMs = 0;
  const events: ReadEvent[] = [];
  const database = testDatabase({
    clock: { ...systemClock, now: () => 1000 + offsetMs },
    readMaxAge: 100,
    hooks: [{ onRead: (event) => events.push(event) }],
  });
  const queries: number[] = [];
  const long = (): void =>
    database.read(
      (r) => {
        for (let n = 0; n < 640; n++) {
          r.value(count);
          queries.push(n);
          if (n === 100) offsetMs = 150;
          if (n === 300) offsetMs = 1000;
        }
      },
      { name: 'report' },
    );
  expect(long).toThrow(expect.objectContaining({ code: 'deadline_exceeded' }));
  expect(queries).toHaveLength(319);
  expect(events).toEqual([
    { name: 'report', queries: 128, ageMs: 150, overdue: true },
    { name: 'report', queries: 320, ageMs: 1000, overdue: false },
  ]);
  expect(database.metrics().reads).toEqual({ snapshots: 1, overdue: 1 });
  expect(database.read((r) => r.value(count))).toBe(0);
});

test('an iteration is held to the age limit too, and a read may be given its own', () => {
  let offsetMs = 0;
  const database = testDatabase({ clock: { ...systemClock, now: () => offsetMs }, readMaxAge: '1m' });
  database.tx((t) => {
    for (let n = 0; n < 500; n++) t.run(insertFill, [`n${n}`, n]);
  });
  const walk = (maxAgeMs: number): number =>
    database.read(
      (r) => {
        let rows = 0;
        for (const _row of r.iterate('SELECT id FROM fills')) {
          rows += 1;
          if (rows === 100) offsetMs += 200;
        }
        return rows;
      },
      { maxAgeMs },
    );
  expect(walk(1000)).toBe(500);
  expect(() => walk(20)).toThrow(expect.objectContaining({ code: 'deadline_exceeded' }));
});

test('a read that throws, is async, or leaves an iteration open lets its snapshot go', () => {
  const database = testDatabase();
  database.tx((t) => t.run(insertFill, ['a', 1]));
  const fail = (): void =>
    database.read((r) => {
      r.value(count);
      throw new Error('stop');
    });
  expect(fail).toThrow('stop');
  expect(() => database.read(async (r) => r.value(count))).toThrow(
    expect.objectContaining({ code: 'async_transaction' }),
  );
  database.read((r) => r.iterate('SELECT id FROM fills').next());
  database.tx((t) => t.run(insertFill, ['b', 1]));
  expect(database.read((r) => r.value(count))).toBe(2);
  expect(database.checkpoint('truncate')).toEqual({ busy: false, logFrames: 0, checkpointedFrames: 0 });
});

test('the reading connection cannot write', () => {
  const database = testDatabase();
  expect(() => database.read((r) => r.all('DELETE FROM fills RETURNING id'))).toThrow(
    expect.objectContaining({ code: 'read_only' }),
  );
});
