import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { examineQueries, type QueriesRequest } from '../../../src/core/analysis/queries/examine-queries.ts';
import { readWorkload } from '../../../src/core/analysis/workload/read-workload.ts';
import { testContext } from '../../support/context.ts';
import { folderState } from '../../support/folder-state.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const schema = `PRAGMA journal_mode = WAL;
  CREATE TABLE accounts(id INTEGER PRIMARY KEY, name TEXT UNIQUE);
  CREATE TABLE orders(id INTEGER PRIMARY KEY, account INTEGER REFERENCES accounts, symbol TEXT, status TEXT);
  CREATE INDEX orders_open ON orders(symbol) WHERE status = 'open';
  INSERT INTO accounts VALUES (1, 'a'), (2, 'b');
  INSERT INTO orders(account, symbol, status) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
    SELECT 1, 'S' || (i % 30), iif(i % 20 = 0, 'open', 'filled') FROM n;
  ANALYZE`;

async function examine(sql: string, parts: Partial<QueriesRequest> = {}, signal?: AbortSignal) {
  const folder = temporaryFolder();
  const scratchParent = temporaryFolder();
  const path = join(folder, 'a.db');
  const db = new Database(path);
  db.exec(schema);
  db.close();
  writeFileSync(join(folder, 'w.sql'), sql);
  const workload = await readWorkload([join(folder, 'w.sql')], 1);
  const before = folderState(folder);
  const request: QueriesRequest = {
    path,
    scratchParent,
    ownerId: process.pid,
    busyTimeoutMs: 300,
    workload,
    timeLimitMs: 20_000,
    copyLimitBytes: 1e9,
    sort: 'total',
    showParameters: false,
    ...parts,
  };
  try {
    return await examineQueries(request, testContext(signal === undefined ? {} : { signal }));
  } finally {
    expect(folderState(folder)).toEqual(before);
    expect(readdirSync(scratchParent)).toEqual([]);
  }
}

describe('queries', () => {
  test('are planned with their values, timed, and sorted by their share of the time', async () => {
    const { data, findings } = await examine(`
      -- @name by symbol
      -- @weight 1000
      -- @params ["open", "S1"] x3
      -- @params ["filled", "S1"]
      SELECT count(*) FROM orders WHERE status = ? AND symbol = ?;
      -- @name by id
      -- @weight 10
      -- @params [77]
      SELECT * FROM orders WHERE id = ?;`);
    expect(data).toMatchObject({ measured: true, complete: true });
    expect(data.queries.map((query) => query.name)).toEqual(['by symbol', 'by id']);
    const [bySymbol, byId] = data.queries;
    // The partial index is used for one value and cannot be used for the other.
    expect(bySymbol).toMatchObject({
      plans: 2,
      planVariesByParameter: true,
      rows: 1,
      isWrite: false,
      sql: 'SELECT count(*) FROM orders WHERE status = ? AND symbol = ?',
    });
    expect(bySymbol?.plan[0]).toContain('orders_open');
    expect(byId).toMatchObject({ rows: 1, fullScans: [], error: null });
    expect(byId?.totalMs).toBeCloseTo((byId?.meanMs ?? 0) * 10);
    expect(findings.map((finding) => finding.id)).toEqual(['query.plan-varies']);
  });

  test('writes are timed and taken back, also when a captured row is there already', async () => {
    const { data } = await examine(`
      -- @params [1, "a"]
      INSERT INTO accounts VALUES (?, ?);
      -- @params [1]
      DELETE FROM accounts WHERE id = ?;
      UPDATE orders SET status = 'open' WHERE id < 10 RETURNING id;`);
    expect(data.queries.map((query) => [query.name, query.isWrite, query.notTimed, query.error])).toEqual(
      expect.arrayContaining([
        ['insert accounts', true, null, null],
        ['delete accounts', true, null, null],
        ['update orders', true, null, null],
      ]),
    );
    expect(data.queries.find((query) => query.name === 'delete accounts')?.fullScans).toEqual([
      { name: 'orders', table: 'orders', index: null, rows: 3000 },
    ]);
  });

  test('a statement that would run for ever ends at its cap, and the others are still timed', async () => {
    const { data, findings } = await examine(
      `-- @name endless
       WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;
       -- @name quick
       SELECT * FROM orders WHERE id = 1;`,
      { timeLimitMs: 4000 },
    );
    expect(data.queries[0]).toMatchObject({ name: 'endless', totalMs: null, notTimed: 'did not end within 1 s' });
    expect(data.queries[1]).toMatchObject({ name: 'quick', notTimed: null });
    expect(findings.map((finding) => finding.id)).toContain('query.not-timed');
  });

  test('broken statements are listed with the message of SQLite and make the result incomplete', async () => {
    const { data, findings } = await examine(
      `SELECT x FROM nowhere; SELECT nofunction(1); SELECT 1; -- @params [1, 2]
      SELECT ?;
      -- @name open
      SELECT * FROM orders WHERE symbol = ?`,
    );
    expect(data.complete).toBe(false);
    expect(findings.filter((finding) => finding.id === 'query.error').map((finding) => finding.message)).toEqual(
      expect.arrayContaining([
        'cannot be planned: no such table: nowhere',
        'cannot be planned: no such function: nofunction',
      ]),
    );
    expect(data.queries.find((query) => query.name === 'open')).toMatchObject({
      notTimed: 'no parameter values are known',
      fullScans: [{ rows: 3000 }],
    });
  });

  test('a database above the limit is planned without a copy', async () => {
    const { data } = await examine("SELECT * FROM orders WHERE status = 'filled'", { copyLimitBytes: 1000 });
    expect(data).toMatchObject({ measured: false, complete: true });
    expect(data.queries[0]).toMatchObject({ totalMs: null, fullScans: [{ table: 'orders', rows: 3000 }] });
  });

  test('values are shown only when asked for', async () => {
    const hidden = await examine("SELECT * FROM orders WHERE status = 'secret'");
    expect(JSON.stringify(hidden)).not.toContain('secret');
    const shown = await examine("SELECT * FROM orders WHERE status = 'secret'", { showParameters: true });
    expect(shown.data.queries[0]?.sql).toContain('secret');
  });

  test('cancelling ends the child and removes the copy', async () => {
    const controller = new AbortController();
    const running = examine(
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n',
      { timeLimitMs: 60_000 },
      controller.signal,
    );
    setTimeout(() => controller.abort(), 700);
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('a full or missing scratch folder is told before anything is copied', async () => {
    await expect(examine('SELECT 1', { scratchParent: '/nonexistent-folder' })).rejects.toThrow();
  });
});
