import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readWorkload } from '../../../src/core/analysis/workload/read-workload.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

async function read(files: Record<string, string>, pattern = '*', seed = 1) {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return readWorkload([join(folder, pattern)], seed);
}

const header =
  '{"tradedbCapture":1,"engine":"python-sqlite3","sqliteVersion":"3.40.1","stat4":false,"pragmas":{"foreign_keys":1}}\n';

describe('annotated SQL', () => {
  test('directives belong to the next statement', async () => {
    const workload = await read({
      'w.sql': `-- @period 1d
-- @engine {"engine":"bot","sqliteVersion":"3.46.0","stat4":true}
-- An ordinary comment.
-- @name recent trades
-- @weight 1_200
-- @params ["AAPL", 5] x40
-- @params ["MSFT", 5]
SELECT * FROM trades WHERE symbol = ? AND qty > ?; -- not @weight 3
-- @pragma case_sensitive_like = 1
UPDATE orders SET note = 'a;b' WHERE id = 1;
`,
    });
    expect(workload.period).toBe('1d');
    expect(workload.engine).toEqual({ name: 'bot', sqliteVersion: '3.46.0', stat4: true, pragmas: {} });
    expect(workload.queries).toHaveLength(2);
    expect(workload.queries[0]).toMatchObject({
      name: 'recent trades',
      weight: 1200,
      tuning: [
        { values: ['AAPL', 5n], executions: 40 },
        { values: ['MSFT', 5n], executions: 1 },
      ],
      heldOut: [],
      pragmas: [],
    });
    expect(workload.queries[1]).toMatchObject({ name: 'update orders', weight: 1, pragmas: ['case_sensitive_like=1'] });
  });

  test.each([
    ['-- @weight many\nSELECT 1', 'w.sql:1: @weight'],
    ['SELECT 1;\n\n-- @params [1\nSELECT 2', 'w.sql:3: @params'],
    ['-- @wieght 3\nSELECT 1', '@wieght: unknown directive'],
    ['-- @pragma journal_mode = wal; drop table t\nSELECT 1', '@pragma: expected name=value'],
    ['-- @pragma journal_mode = wal\nSELECT 1', '@pragma: expected name=value'],
    ['SELECT 1;\n-- @params {"a":{"$int":"99999999999999999999"}}\n', '64 bits'],
  ])('a wrong directive names its line: %j', async (text, message) => {
    await expect(read({ 'w.sql': text })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining(message),
    });
  });

  test('what is no query is skipped and counted', async () => {
    const workload = await read({
      'w.sql':
        "ATTACH 'x.db' AS x; PRAGMA user_version = 1; CREATE TABLE t(a); BEGIN; SELECT 1; COMMIT; DROP TABLE t; EXPLAIN SELECT 1",
    });
    expect(workload.queries.map((query) => query.sql)).toEqual(['SELECT 1']);
    expect(workload.skipped.map((one) => one.reason)).toContain('ATTACH is not analysed');
    expect(workload.skipped.reduce((sum, one) => sum + one.count, 0)).toBe(7);
  });

  test('a file without any statement is refused', async () => {
    await expect(read({ 'w.sql': 'BEGIN; COMMIT' })).rejects.toMatchObject({ code: 'usage' });
    await expect(read({}, 'none.sql')).rejects.toMatchObject({ code: 'file_not_found' });
  });
});

describe('capture files', () => {
  const line = (sql: string, params: unknown): string => `${JSON.stringify({ sql, params, ms: 0.1 })}\n`;

  test('values keep their types, large integers every digit', async () => {
    const workload = await read({
      'c.jsonl': `${header}{"sql":"select ?,?,?,?,?,?,?","params":[9007199254740993,{"$int":"-9223372036854775808"},1.5,true,null,{"$blob":"AAH/"},{"$text":"2026-01-01"}]}\n`,
    });
    expect(workload.queries[0]?.tuning[0]?.values).toEqual([
      9007199254740993n,
      -9223372036854775808n,
      1.5,
      1n,
      null,
      Uint8Array.from([0, 1, 255]),
      '2026-01-01',
    ]);
    expect(workload.engine).toMatchObject({ name: 'python-sqlite3', stat4: false, pragmas: { foreign_keys: '1' } });
  });

  test('several files, restarts and torn lines', async () => {
    const workload = await read(
      {
        'capture-1.jsonl':
          header +
          line('select * from t where a = ?', [1]) +
          header +
          line('SELECT *  FROM t WHERE a=?', [2]) +
          '{"sql":"sel',
        'capture-2.jsonl':
          header +
          line('select * from t where a = :a', { a: 'x\u0000y' }) +
          line('vacuum', []) +
          line('select 1; select 2', []),
      },
      'capture-*.jsonl',
    );
    expect(workload.queries).toHaveLength(1);
    expect(workload.queries[0]?.weight).toBe(3);
    expect(workload.queries[0]?.tuning.map((set) => set.values)).toEqual([[1n], [2n], { a: 'x\u0000y' }]);
    expect(workload.skipped).toEqual([
      { reason: 'line that is no JSON object', count: 1 },
      { reason: 'VACUUM is not analysed', count: 1 },
      { reason: 'more than one statement in one text', count: 1 },
    ]);
  });

  test('without a header, or of another version, it is refused', async () => {
    await expect(read({ 'c.jsonl': line('select 1', []) })).rejects.toMatchObject({ code: 'usage' });
    await expect(read({ 'c.jsonl': '{"tradedbCapture":2}\n' })).rejects.toMatchObject({ code: 'usage' });
  });

  test('5 to 24 parameter sets are kept, every third aside; frequent values stay', async () => {
    const lines = Array.from({ length: 3000 }, (_, index) =>
      line('select * from t where a = ?', [index % 10 === 0 ? index : 'hot']),
    );
    const workload = await read({ 'c.jsonl': header + lines.join('') });
    const query = workload.queries[0];
    expect(query?.weight).toBe(3000);
    expect(query?.tuning).toHaveLength(16);
    expect(query?.heldOut).toHaveLength(8);
    const hot = [...(query?.tuning ?? []), ...(query?.heldOut ?? [])].find(
      (set) => Array.isArray(set.values) && set.values[0] === 'hot',
    );
    expect(hot?.executions).toBeGreaterThan(1000);
    const again = await read({ 'c.jsonl': header + lines.join('') });
    expect(again.queries).toEqual(workload.queries);
  });
});

test('patterns match file names, a file whose name holds a star is meant literally', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'day 1'));
  writeFileSync(join(folder, 'day 1', 'a.sql'), 'SELECT 1');
  writeFileSync(join(folder, 'day 1', 'b.sql'), 'SELECT a FROM t');
  writeFileSync(join(folder, 'odd*.sql'), 'SELECT 1, 2');
  writeFileSync(join(folder, 'odder.sql'), 'SELECT 1, 2, 3');
  expect((await readWorkload([join(folder, 'day ?', '*.sql')], 1)).queries).toHaveLength(2);
  expect((await readWorkload([join(folder, 'odd*.sql')], 1)).queries.map((query) => query.sql)).toEqual([
    'SELECT 1, 2',
  ]);
});
