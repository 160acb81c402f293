import { describe, expect, test } from 'vitest';
import { planMigrations } from '../../../src/core/migration/plan.ts';
import { applyMigrations, type UpResult } from '../../../src/core/migration/up.ts';
import type { Connection } from '../../../src/core/sqlite/connection.ts';
import { testContext } from '../../support/context.ts';
import { migrationFixture, runSettings } from '../../support/migrations.ts';

interface Outcome {
  readonly result: UpResult;
  readonly connection: Connection;
  readonly runs: readonly string[];
  readonly reason: string | null;
}

async function change(setup: string, sql: string, options = ''): Promise<Outcome> {
  const fixture = migrationFixture({ '1_change.sql': `-- migrate:up\n-- migrate:table ${options}\n${sql};` });
  const connection = await fixture.open();
  connection.exec(setup);
  const runs: string[] = [];
  let reason: string | null = null;
  const result = await applyMigrations(
    {
      ...runSettings,
      connection,
      source: fixture.source,
      onStatement: (_, effect) => {
        runs.push(...(effect.change?.runs ?? []));
        reason = effect.change?.reason ?? null;
      },
    },
    testContext(),
  );
  return { result, connection, runs, reason };
}

const orders = `CREATE TABLE orders(id INTEGER PRIMARY KEY, px REAL, note TEXT);
  CREATE INDEX orders_px ON orders(px DESC) WHERE px > 0;
  CREATE TABLE fills(id INTEGER PRIMARY KEY, o INT REFERENCES orders(id) ON DELETE CASCADE);
  CREATE TRIGGER orders_ai AFTER INSERT ON orders BEGIN INSERT INTO fills(o) VALUES(new.id); END;
  CREATE VIEW v AS SELECT id, px FROM orders;
  INSERT INTO orders VALUES(1, 1.5, 'a'), (3, 2.5, NULL);`;

describe('ALTER TABLE where it is enough', () => {
  test.each([
    [
      'a new column',
      'CREATE TABLE orders(id INTEGER PRIMARY KEY, px REAL, note TEXT, fee REAL DEFAULT 0)',
      'ADD COLUMN fee REAL DEFAULT 0',
    ],
    ['a column that goes', 'CREATE TABLE orders(id INTEGER PRIMARY KEY, px REAL)', 'DROP COLUMN "note"'],
    [
      'NOT NULL',
      'CREATE TABLE orders(id INTEGER PRIMARY KEY, px REAL NOT NULL, note TEXT)',
      'ALTER COLUMN "px" SET NOT NULL',
    ],
    [
      'a CHECK',
      'CREATE TABLE orders(id INTEGER PRIMARY KEY, px REAL, note TEXT, CHECK(px < 100))',
      'ADD CHECK(px < 100)',
    ],
  ])('%s', async (_, sql, expected) => {
    const { result, runs, connection } = await change(orders, sql);
    expect(result.failed).toBeNull();
    expect(result.applied[0]?.strategy).toBe('native');
    expect(runs).toEqual([`ALTER TABLE "orders" ${expected}`]);
    expect(connection.value('SELECT count(*) FROM orders')).toBe(2);
  });

  test('a rename takes the index and the view along', async () => {
    const { result, runs, connection } = await change(
      orders,
      'CREATE TABLE orders(id INTEGER PRIMARY KEY, price REAL, note TEXT)',
      'rename=px:price',
    );
    expect(result.failed).toBeNull();
    expect(runs).toEqual(['ALTER TABLE "orders" RENAME COLUMN "px" TO "price"']);
    expect(connection.all('SELECT price FROM orders')).toHaveLength(2);
    expect(connection.all('SELECT * FROM v')).toHaveLength(2);
  });

  test('an order of columns and spelling that differ are no change', async () => {
    const { result, runs } = await change(orders, 'create table "ORDERS" (note text, id integer primary key, px real)');
    expect(result.failed).toBeNull();
    expect(runs).toEqual([]);
  });

  test('a table that does not exist is created', async () => {
    const { result, connection } = await change('SELECT 1', 'CREATE TABLE fresh(a)');
    expect(result.failed).toBeNull();
    expect(connection.all('SELECT * FROM fresh')).toEqual([]);
  });
});

describe('rebuild where it is not', () => {
  test('STRICT and a type: rows, children, index, trigger and view are kept', async () => {
    const { result, connection, reason } = await change(
      orders,
      'CREATE TABLE orders(id INTEGER PRIMARY KEY, px REAL NOT NULL, note TEXT) STRICT',
    );
    expect(result.failed).toBeNull();
    expect(result.applied[0]).toMatchObject({ strategy: 'rebuild', rowsChanged: 2 });
    expect(reason).toContain('STRICT');
    expect(connection.all('SELECT * FROM orders')).toEqual([
      { id: 1, px: 1.5, note: 'a' },
      { id: 3, px: 2.5, note: null },
    ]);
    expect(connection.all('SELECT o FROM fills')).toEqual([{ o: 1 }, { o: 3 }]);
    connection.exec('INSERT INTO orders VALUES(4, 1, 1)');
    expect(connection.value('SELECT max(o) FROM fills')).toBe(4);
    expect(connection.value(`SELECT sql FROM sqlite_schema WHERE name = 'orders_px'`)).toContain('px DESC');
    expect(connection.value(`SELECT sql FROM sqlite_schema WHERE name = 'fills'`)).toContain('REFERENCES orders(id)');
    expect(connection.all('SELECT * FROM v')).toHaveLength(3);
    expect(connection.value(`SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_tradedb%' ESCAPE '\\'`)).toBe(0);
  });

  test('fill gives the rows that are there a value', async () => {
    const { result, connection } = await change(
      orders,
      'CREATE TABLE orders(id INTEGER PRIMARY KEY, px REAL, note TEXT NOT NULL, fee REAL NOT NULL)',
      `fill="fee:px * 2" fill="note:coalesce(note, 'none')"`,
    );
    expect(result.failed).toBeNull();
    expect(connection.all('SELECT note, fee FROM orders')).toEqual([
      { note: 'a', fee: 3 },
      { note: 'none', fee: 5 },
    ]);
  });

  test('AUTOINCREMENT of an empty table, rowids without a key, statistics', async () => {
    const counter = await change(
      'CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, x); INSERT INTO a VALUES(100, 1); DELETE FROM a;',
      'CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT)',
    );
    expect(counter.result.failed).toBeNull();
    counter.connection.exec('INSERT INTO a(x) VALUES(1)');
    expect(counter.connection.value('SELECT id FROM a')).toBe(101);
    const rowids = await change(
      'CREATE TABLE r(x); CREATE INDEX rx ON r(x); INSERT INTO r(rowid, x) VALUES(1, 1), (3, 1), (7, 2); ANALYZE;',
      'CREATE TABLE r(x INTEGER)',
    );
    expect(rowids.result.failed).toBeNull();
    expect(rowids.connection.all('SELECT rowid AS r FROM r')).toEqual([{ r: 1 }, { r: 3 }, { r: 7 }]);
    expect(rowids.connection.all('SELECT idx, stat FROM sqlite_stat1')).toEqual([{ idx: 'rx', stat: '3 2' }]);
  });

  test('rows that do not fit stop it and leave everything', async () => {
    const { result, connection } = await change(
      orders,
      'CREATE TABLE orders(id INTEGER PRIMARY KEY, px REAL, note TEXT NOT NULL) STRICT',
    );
    expect(result.failed).toMatchObject({ line: 3, code: 'migration_failed' });
    expect(result.failed?.reason).toContain('NOT NULL constraint failed');
    expect(connection.all('SELECT * FROM orders')).toHaveLength(2);
    expect(connection.value(`SELECT count(*) FROM sqlite_schema WHERE name = 'orders_ai'`)).toBe(1);
  });

  test('an index on a column that goes is named', async () => {
    const { result } = await change(orders, 'CREATE TABLE orders(id INTEGER PRIMARY KEY, note TEXT) STRICT');
    expect(result.failed?.reason).toContain('index orders_px does not fit the new orders');
  });
});

describe('refused', () => {
  test.each([
    ['CREATE TABLE orders(id INTEGER PRIMARY KEY, price REAL, note TEXT)', '', 'a rename, or two changes?'],
    ['CREATE TABLE orders AS SELECT 1', '', 'needs a CREATE TABLE with a list of columns'],
    ['CREATE TABLE v(x)', '', 'v is a view'],
    ['CREATE TABLE orders(id INTEGER PRIMARY KEY, px REAL, note TEXT)', 'fill=nope:1', 'fill names the column nope'],
  ])('%s %s', async (sql, options, reason) => {
    const { result } = await change(orders, sql, options);
    expect(result.failed?.reason).toContain(reason);
  });

  test.each([
    ['-- migrate:table\nDROP TABLE x;', 'f.sql:2: migrate:table needs a CREATE TABLE below it'],
    ['SELECT 1;\n-- migrate:table\n', 'no statement stands below migrate:table'],
    ['-- migrate:table quick=yes\nCREATE TABLE x(a);', 'f.sql:1: "quick=yes" is not understood'],
  ])('%j', async (sql, message) => {
    const { parseNative } = await import('../../../src/core/migration/format/native.ts');
    expect(() => parseNative(sql, 'f.sql')).toThrow(message);
  });
});

test('the plan says how a table is changed, and why', async () => {
  const fixture = migrationFixture({
    '1_native.sql': '-- migrate:table\nCREATE TABLE orders(id INTEGER PRIMARY KEY, px REAL, note TEXT, x);',
    '2_rebuild.sql': '-- migrate:table\nCREATE TABLE orders(id INTEGER PRIMARY KEY, px REAL, note TEXT, x ANY) STRICT;',
  });
  const connection = await fixture.open();
  connection.exec(orders);
  const plan = await planMigrations({ connection, source: fixture.source }, testContext());
  expect(plan.failed).toBeNull();
  expect(plan.steps.map((step) => step.strategy)).toEqual(['native', 'rebuild']);
  expect(plan.steps[0]?.statements[0]?.change).toMatchObject({
    strategy: 'native',
    runs: ['ALTER TABLE "orders" ADD COLUMN x'],
  });
  expect(plan.steps[1]).toMatchObject({ rows: 2, destructive: true });
});
