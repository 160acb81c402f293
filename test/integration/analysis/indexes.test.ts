import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { advised, adviseOn } from '../../support/advice.ts';

const rows = (table: string, columns: string, values: string, count: number): string =>
  `INSERT INTO ${table}(${columns}) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT ${values} FROM n;`;

const orders = `PRAGMA journal_mode = WAL;
  CREATE TABLE orders(id INTEGER PRIMARY KEY, account INTEGER, symbol TEXT, status TEXT, qty INTEGER, at INTEGER, note TEXT);
  ${rows('orders', 'account, symbol, status, qty, at, note', "i % 500, 'S' || (i % 50), iif(i % 100 = 0, 'open', 'filled'), i % 997, i * 7919 % 20000, 'note ' || i", 20_000)}
  ANALYZE;`;

describe('an index is advised', () => {
  test('on the columns of an equality, and the workload is measurably faster', async () => {
    const { data } = await adviseOn(orders, '-- @params [7]\n-- @params [8]\nSELECT * FROM orders WHERE account = ?');
    expect(advised(data, 'create')).toEqual(['CREATE INDEX "ix_orders_account" ON "orders" ("account")']);
    expect(data.after?.readMs).toBeLessThan((data.before?.readMs ?? 0) / 3);
    expect(data.recommendations[0]?.queries).toMatchObject([{ name: 'select orders' }]);
    expect(data.complete).toBe(true);
    expect(data.parity).toEqual({ equal: 2, total: 2 });
    expect(data.confirmation).toMatchObject([{ verdict: 'improvement', sameRows: true, heldOut: false }]);
  });

  test('is confirmed on values that the search has not seen', async () => {
    const sets = Array.from({ length: 9 }, (_, index) => `-- @params [${index * 31}]`).join('\n');
    const { data } = await adviseOn(orders, `${sets}\nSELECT sum(qty) FROM orders WHERE account = ?`);
    expect(data.confirmation).toMatchObject([{ heldOut: true, verdict: 'improvement', sameRows: true }]);
  });

  test('for equality and order together, so that no sort is left', async () => {
    const { data } = await adviseOn(
      orders,
      '-- @weight 100\n-- @params ["S7"]\nSELECT id FROM orders WHERE symbol = ? ORDER BY at DESC, qty LIMIT 3',
    );
    expect(advised(data, 'create')[0]).toMatch(/\("symbol", "at" DESC, "qty"/);
  });

  test('for both sides of an OR at once', async () => {
    const { data } = await adviseOn(
      orders,
      '-- @params [7, 33]\nSELECT count(*) FROM orders WHERE account = ? OR at = ?',
    );
    const created = advised(data, 'create').join();
    expect(created).toContain('("account"');
    expect(created).toContain('("at"');
  });

  test('without regard to letter case for LIKE', async () => {
    const { data } = await adviseOn(orders, `SELECT id FROM orders WHERE note LIKE 'note 123%'`);
    expect(advised(data, 'create')[0]).toContain('"note" COLLATE NOCASE');
  });

  test('as a partial one where a constant picks few rows, which most writes need not maintain', async () => {
    const { data } = await adviseOn(
      orders,
      `-- @weight 2000
       -- @params ["S0"]
       SELECT id, qty FROM orders WHERE status = 'open' AND symbol = ?;
       -- @weight 200_000
       -- @params [1, "S1", "filled", 5, 6]
       INSERT INTO orders(account, symbol, status, qty, at) VALUES (?, ?, ?, ?, ?)`,
    );
    expect(advised(data, 'create')[0]).toContain(`WHERE "status" = 'open'`);
    const plain = await adviseOn(orders, `SELECT id, qty FROM orders WHERE status = 'open'`, {
      kinds: new Set(['plain']),
    });
    expect(advised(plain.data, 'create').join()).not.toContain('WHERE');
  });

  test('on an expression', async () => {
    const { data } = await adviseOn(
      `${orders} CREATE TABLE events(id INTEGER PRIMARY KEY, body TEXT); ${rows('events', 'body', `json_object('k', i)`, 5000)}`,
      `SELECT id FROM orders WHERE lower(note) = 'note 77'; SELECT id FROM events WHERE body ->> '$.k' = 77`,
    );
    expect(advised(data, 'create')).toEqual(
      expect.arrayContaining([expect.stringContaining('(lower("note")'), expect.stringContaining(`("body" ->> '$.k'`)]),
    );
  });

  test('for the foreign-key check of a DELETE', async () => {
    const { data } = await adviseOn(
      `CREATE TABLE parents(id INTEGER PRIMARY KEY, a); CREATE TABLE children(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents);
       ${rows('parents', 'a', 'i', 300)} ${rows('children', 'parent', '1 + i % 200', 20_000)} ANALYZE`,
      '-- @params [250]\nDELETE FROM parents WHERE id = ?',
    );
    expect(advised(data, 'create')).toEqual(['CREATE INDEX "ix_children_parent" ON "children" ("parent")']);
    expect(data.foreignKeys).toEqual([]);
  });

  test('with names that need quotes', async () => {
    const { data } = await adviseOn(
      `CREATE TABLE "order ""by"""("select" INTEGER, "größe ; x" TEXT); ${rows('"order ""by"""', '"select", "größe ; x"', 'i, i', 5000)} ANALYZE`,
      '-- @params [7]\nSELECT * FROM "order ""by""" WHERE "select" = ?',
    );
    expect(advised(data, 'create')).toEqual([expect.stringContaining('ON "order ""by""" ("select"')]);
  });

  test('beside fresh statistics, which are advised first when they alone help', async () => {
    const { data } = await adviseOn(
      `CREATE TABLE t(id INTEGER PRIMARY KEY, few, many); CREATE INDEX by_few ON t(few); CREATE INDEX by_many ON t(many);
       INSERT INTO t(few, many) VALUES (1, 1), (2, 1); ANALYZE;
       UPDATE sqlite_stat1 SET stat = iif(idx = 'by_few', '100000 2', '100000 5000');
       DELETE FROM sqlite_stat4; DELETE FROM t; ${rows('t', 'few, many', 'i % 2, i', 30_000)}`,
      '-- @weight 10\n-- @params [1, 77]\nSELECT * FROM t WHERE few = ? AND many = ?',
    );
    expect(data.recommendations[0]).toMatchObject({ action: 'analyze', sql: 'ANALYZE' });
  });
});

describe('nothing is advised', () => {
  test('on a database that is optimal already', async () => {
    const { data } = await adviseOn(
      `${orders} CREATE INDEX a ON orders(account); ANALYZE`,
      '-- @params [7]\nSELECT count(*) FROM orders WHERE account = ?;\n-- @params [9]\nSELECT * FROM orders WHERE id = ?',
    );
    expect(data.recommendations).toEqual([]);
    expect(data.migration).toBeNull();
  });

  test('where writes would pay more than reads gain', async () => {
    const { data } = await adviseOn(
      orders,
      `-- @weight 10_000_000
       -- @params [1, "S1", "open", 5, 6]
       INSERT INTO orders(account, symbol, status, qty, at) VALUES (?, ?, ?, ?, ?);
       -- @weight 1
       -- @params [7]
       SELECT * FROM orders WHERE account = ?`,
    );
    expect(advised(data, 'create')).toEqual([]);
  });

  test('for a table that is read as a whole, and for broken statements', async () => {
    const { data } = await adviseOn(orders, 'SELECT sum(length(note)) FROM orders; SELECT * FROM nowhere', {
      kinds: new Set(['plain']),
    });
    expect(data.recommendations).toEqual([]);
    expect(data.left).toEqual([{ name: 'select nowhere', reason: 'no such table: nowhere' }]);
    expect(data.complete).toBe(false);
  });

  test('beyond the size budget or the number of indexes', async () => {
    const workload = '-- @params [7]\nSELECT * FROM orders WHERE account = ?';
    expect(advised((await adviseOn(orders, workload, { sizeBudgetBytes: 10_000 })).data, 'create')).toEqual([]);
    expect(advised((await adviseOn(orders, workload, { maxIndexes: 0 })).data, 'create')).toEqual([]);
  });
});

describe('an existing index', () => {
  const twice = `${orders} CREATE INDEX a ON orders(account); CREATE INDEX a_at ON orders(account, at); ANALYZE`;

  test('goes when another serves its queries as well', async () => {
    const { data } = await adviseOn(twice, '-- @params [7]\nSELECT * FROM orders WHERE account = ? AND at > 5');
    expect(data.recommendations.filter((one) => one.action === 'drop')).toMatchObject([
      { action: 'drop', name: 'a', reason: 'served by a_at', undoSql: 'CREATE INDEX a ON orders(account)' },
    ]);
  });

  test('stays when it is pinned, or when drops are not wanted', async () => {
    const workload = '-- @params [7]\nSELECT * FROM orders WHERE account = ? AND at > 5';
    expect(advised((await adviseOn(twice, workload, { pinned: ['a'] })).data, 'drop')).toEqual([]);
    expect(advised((await adviseOn(twice, workload, { drops: 'none' })).data, 'drop')).toEqual([]);
  });

  test('stays when its tail, the rowid, gives the order that the longer one cannot give', async () => {
    const skewed = orders.replace('i % 500', 'i % 2');
    const { data } = await adviseOn(
      `${skewed} CREATE INDEX a ON orders(account); CREATE INDEX a_at ON orders(account, at); ANALYZE`,
      `-- @weight 1000
       -- @params [1]
       SELECT id, note FROM orders WHERE account = ? ORDER BY id LIMIT 5;
       -- @weight 10
       -- @params [1]
       SELECT note FROM orders WHERE account = ? ORDER BY at LIMIT 5`,
    );
    expect(advised(data, 'drop')).toEqual([]);
    expect(data.rejected).toContainEqual(expect.objectContaining({ name: 'a' }));
  });

  test('that no statement uses is listed, and goes only when that is wanted', async () => {
    const schema = `${orders} CREATE INDEX never ON orders(note); CREATE UNIQUE INDEX once ON orders(at, id); ANALYZE`;
    const workload = '-- @params [7]\nSELECT * FROM orders WHERE id = ?';
    const listed = await adviseOn(schema, workload);
    expect(listed.data.unused).toMatchObject([{ name: 'never' }]);
    expect(listed.data.recommendations).toEqual([]);
    const { data } = await adviseOn(schema, workload, { drops: 'unused' });
    expect(data.recommendations).toMatchObject([{ action: 'drop', name: 'never' }]);
  });
});

test('the migration applies, its rollback restores the schema, and the rows are the same', async () => {
  const { data, path } = await adviseOn(
    `${orders} CREATE INDEX a ON orders(account); CREATE INDEX a_too ON orders(account); ANALYZE`,
    `-- @params ["S3"]\nSELECT id FROM orders WHERE symbol = ? ORDER BY at;\n-- @params [3]\nSELECT * FROM orders WHERE account = ?`,
  );
  const db = new Database(path);
  const schema = () =>
    db.prepare("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name").all();
  const before = schema();
  const query = db.prepare('SELECT id FROM orders WHERE symbol = ? ORDER BY at');
  const rowsBefore = query.all('S3');
  for (const sql of data.migration?.up ?? []) db.exec(sql);
  expect(schema()).not.toEqual(before);
  expect(query.all('S3')).toEqual(rowsBefore);
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  for (const sql of data.migration?.down ?? []) db.exec(sql);
  expect(schema()).toEqual(before);
  db.close();
  expect(data.migration?.up.at(-1)).toBe('ANALYZE "orders"');
});

test('a constant that differs between executions makes no partial index', async () => {
  const one = (status: string) => `SELECT id FROM orders WHERE status = '${status}' ORDER BY at;`;
  const same = await adviseOn(orders, `-- @weight 50\n${one('open')}`);
  const differs = await adviseOn(orders, `-- @weight 50\n${one('open')}\n-- @weight 50\n${one('filled')}`);
  const partial = (data: typeof same.data): string[] =>
    [...advised(data, 'create'), ...data.rejected.map((index) => index.sql)].filter((sql) => sql.includes(' WHERE '));
  expect(partial(same.data)).not.toEqual([]);
  expect(partial(differs.data)).toEqual([]);
});

test('a key with NULL cannot lose its rowid; STRICT is told where every value fits', async () => {
  const { data } = await adviseOn(
    `CREATE TABLE quotes(symbol TEXT, day INT, price REAL, PRIMARY KEY(symbol, day));
     CREATE TABLE loose(id INTEGER PRIMARY KEY, qty INTEGER);
     INSERT INTO quotes VALUES (NULL, 1, 1.5), ('a', 2, 2);
     INSERT INTO loose VALUES (1, 'seven');`,
    'SELECT price FROM quotes WHERE day = 1;\nSELECT qty FROM loose;',
    { kinds: new Set(['without-rowid']) },
  );
  expect(data.recommendations).toEqual([]);
  expect(data.rejected).toMatchObject([{ name: 'quotes', reason: expect.stringContaining('cannot be rebuilt') }]);
  expect(data.strict.map((one) => one.table)).toEqual(['quotes']);
  expect(data.strict[0]?.sql).toMatch(/\) STRICT$/);
});

describe('WITHOUT ROWID', { timeout: 60_000 }, () => {
  const schema = (
    columns: string,
  ) => `CREATE TABLE quotes(symbol TEXT, day INTEGER, ${columns}, PRIMARY KEY(symbol, day));
    INSERT INTO quotes WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 7999)
      SELECT 'symbol number ' || (i % 40), i / 40, i FROM n;
    ANALYZE;`;
  const workload = `-- @params ["symbol number 7", 20]\nSELECT price FROM quotes WHERE symbol = ? AND day = ?;`;
  const keyed = { kinds: new Set(['without-rowid'] as const) };

  test('small rows with a key of their own: a rebuild, with its way back', async () => {
    const { data, path } = await adviseOn(schema('price INTEGER'), workload, keyed);
    const [only] = data.recommendations;
    expect(data.recommendations).toHaveLength(1);
    expect(only).toMatchObject({ action: 'withoutRowid', table: 'quotes' });
    expect(only?.sql).toMatch(/PRIMARY KEY\(symbol, day\)\) WITHOUT ROWID$/);
    expect(only?.bytes).toBeGreaterThan(50_000);
    expect(data.migration?.up[0]).toMatch(/^-- migrate:table\nCREATE TABLE/);
    expect(data.migration?.down[0]).toMatch(/^-- migrate:table\nCREATE TABLE quotes/);
    const db = new Database(path);
    expect(db.prepare('PRAGMA table_list(quotes)').get()).toMatchObject({ wr: 0 });
    db.close();
  });

  test.each([
    ['a statement that names the rowid', schema('price INTEGER'), `${workload}\nSELECT rowid FROM quotes LIMIT 1;`],
    [
      'rows that are large',
      schema("price INTEGER, note TEXT DEFAULT 'x'").replace('i FROM n', "i, printf('%.300c', 'x') FROM n"),
      workload,
    ],
    [
      'a key that is the row number',
      'CREATE TABLE quotes(symbol INTEGER PRIMARY KEY, day, price); INSERT INTO quotes WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) SELECT i, i, i FROM n',
      '-- @params [7, 7]\nSELECT price FROM quotes WHERE symbol = ? AND day = ?;',
    ],
  ])('not with %s', async (_, tables, statements) => {
    const { data } = await adviseOn(tables, statements, keyed);
    expect(data.recommendations).toEqual([]);
  });
});
