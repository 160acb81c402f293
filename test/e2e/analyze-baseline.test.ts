import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { BaselineData } from '../../src/commands/analyze/baseline.ts';
import type { Baseline } from '../../src/core/analysis/baseline/baseline-file.ts';
import type { ComparisonData } from '../../src/core/analysis/baseline/compare-data.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { folderState } from '../support/folder-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const slow = 30_000;

/** A database, a workload and a configuration in a folder of their own. */
function sample(): { folder: string; path: string; file: string } {
  const folder = temporaryFolder();
  const path = join(folder, 'trading.db');
  const db = new Database(path);
  db.exec(`CREATE TABLE orders(id INTEGER PRIMARY KEY, account INTEGER, big INTEGER, qty INTEGER);
    CREATE INDEX orders_account ON orders(account);
    INSERT INTO orders(account, big, qty)
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
      SELECT i % 97, 9007199254740993 + i, i FROM n;
    ANALYZE;`);
  db.close();
  writeFileSync(
    join(folder, 'w.sql'),
    `-- @name by account\n-- @params [7]\n-- @params [8]\nSELECT sum(qty) FROM orders WHERE account = ?;
     -- @name by big number\n-- @params [9007199254740994]\nSELECT id FROM orders WHERE big = ? ORDER BY id;`,
  );
  writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify({ database: { path: 'trading.db' } }));
  return { folder, path, file: join(folder, '.tradedb', 'baselines', 'friday.json') };
}

const run = (folder: string, ...args: string[]) => tradedb(['analyze', ...args], { cwd: folder });

async function record(folder: string): Promise<void> {
  const recorded = await run(folder, 'baseline', 'friday', '-d', 'trading.db', '-w', 'w.sql', '--runs', '6', '--json');
  expect(recorded).toMatchObject({ code: 0 });
  expect(parseReport<BaselineData>(recorded).data).toMatchObject({ action: 'recorded', name: 'friday', queries: 2 });
}

function change(path: string, sql: string): void {
  const db = new Database(path);
  db.exec(sql);
  db.close();
}

const compare = (folder: string) =>
  run(folder, 'compare', '-d', 'trading.db', '--baseline', 'friday', '--floor', '500%', '--json');

describe('analyze baseline', { timeout: slow }, () => {
  test('is private, lists, is replaced and is removed', async () => {
    const { folder, path, file } = sample();
    const before = readFileSync(path);
    await record(folder);
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const stored = JSON.parse(readFileSync(file, 'utf8')) as Baseline & { format: string; version: number };
    expect(stored).toMatchObject({ format: 'tradedb-analysis-baseline', version: 1, name: 'friday' });
    expect(stored.queries[0]?.slices).toHaveLength(6);
    expect(stored.queries[1]?.sets[0]?.values).toEqual([{ $int: '9007199254740994' }]);
    expect(stored.tables).toContainEqual(expect.objectContaining({ name: 'orders', rows: 4000 }));
    expect((await run(folder, 'baseline', '--list')).stdout).toContain('friday');
    expect((await run(folder, 'baseline', '--delete', 'friday')).code).toBe(0);
    expect((await run(folder, 'baseline', '--delete', 'friday')).code).toBe(10);
  });

  test('a plan that gained a scan is a regression: 4, whatever the times say', async () => {
    const { folder, path } = sample();
    await record(folder);
    change(path, 'DROP INDEX orders_account');
    const result = await compare(folder);
    expect(result.code).toBe(4);
    const { data } = parseReport<ComparisonData>(result);
    expect(data.verdict).toBe('regression');
    expect(data.planChanges).toMatchObject([{ query: 'by account', gained: ['full scan of orders'] }]);
    expect(data.stored).toMatchObject({ name: 'friday', schemaChanged: true });
  });

  test('another plan that is no worse is a warning: 3', async () => {
    const { folder, path } = sample();
    await record(folder);
    change(path, 'DROP INDEX orders_account; CREATE INDEX other_name ON orders(account)');
    const result = await compare(folder);
    expect(result.code).toBe(3);
    const { data, findings } = parseReport<ComparisonData>(result);
    expect(data.planChanges).toMatchObject([{ query: 'by account', gained: [] }]);
    expect(findings).toContainEqual(expect.objectContaining({ id: 'compare.plan', severity: 'warning' }));
  });

  test('times of a machine that is not as quick are unresolved, never a failure', async () => {
    const { folder, file } = sample();
    await record(folder);
    const stored = JSON.parse(readFileSync(file, 'utf8')) as Baseline;
    const drifted = { ...stored, calibrationMs: stored.calibrationMs.map((ms) => ms / 3) };
    writeFileSync(file, JSON.stringify(drifted));
    const result = await compare(folder);
    expect(result.code).toBe(3);
    const { data } = parseReport<ComparisonData>(result);
    expect(data.stored?.drifted).toBe(true);
    expect(new Set(data.tests.map((one) => one.verdict))).toEqual(new Set(['unresolved']));
  });

  test('refuses what it cannot read with one line', async () => {
    const { folder, file } = sample();
    expect((await run(folder, 'compare', '-d', 'trading.db', '--baseline', 'monday')).code).toBe(10);
    expect((await run(folder, 'baseline', '../out', '-d', 'trading.db', '-w', 'w.sql')).code).toBe(2);
    expect((await run(folder, 'baseline', '-d', 'trading.db', '-w', 'w.sql')).code).toBe(2);
    await record(folder);
    const state = folderState(folder);
    const both = await run(folder, 'compare', '-d', 'trading.db', '--baseline', 'friday', '--control');
    expect(both.code).toBe(2);
    expect(folderState(folder)).toEqual(state);
    const stored = JSON.parse(readFileSync(file, 'utf8')) as Baseline;
    writeFileSync(file, JSON.stringify({ ...stored, version: 2 }));
    const newer = await run(folder, 'compare', '-d', 'trading.db', '--baseline', 'friday', '--json');
    expect(newer.code).toBe(2);
    expect(parseError(newer).message).toContain('version 2');
    writeFileSync(file, 'no JSON');
    expect((await run(folder, 'compare', '-d', 'trading.db', '--baseline', 'friday')).code).toBe(2);
  });
});
