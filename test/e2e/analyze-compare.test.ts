import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { ComparisonData } from '../../src/core/analysis/baseline/compare-data.ts';
import { parseReport, tradedb } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** No spread is this small, and none this large: pairs are added up to the limit, or not at all. */
const never = '0.000001%';
const always = '1000000%';

/** A database, a query and `analyze.compare` of the configuration. */
function sample(compare: object): (...args: string[]) => ReturnType<typeof tradedb> {
  const folder = temporaryFolder();
  const db = new Database(join(folder, 'trading.db'));
  db.exec(`CREATE TABLE orders(id INTEGER PRIMARY KEY, account INTEGER, qty INTEGER);
    CREATE INDEX orders_account ON orders(account);
    INSERT INTO orders(account, qty)
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) SELECT i % 997, i FROM n;
    ANALYZE;`);
  db.close();
  writeFileSync(join(folder, 'w.sql'), '-- @params [7]\nSELECT sum(qty) FROM orders WHERE account = ?;');
  writeFileSync(join(folder, 'drop.sql'), 'DROP INDEX orders_account');
  writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify({ analyze: { compare } }));
  return (...args) =>
    tradedb(['analyze', 'compare', '-d', 'trading.db', '-w', 'w.sql', '--json', ...args], { cwd: folder });
}

const pairsOf = async (result: ReturnType<typeof tradedb>): Promise<number> =>
  parseReport<ComparisonData>(await result).data.pairs;

describe('analyze compare', { timeout: 60_000 }, () => {
  test('analyze.compare.pairs, maxPairs and detect: pairs are added while a change of detect would not be seen', async () => {
    const run = sample({ pairs: 6, maxPairs: 9, alpha: 0.4, detect: never });
    expect(await pairsOf(run())).toBe(9);
    expect(await pairsOf(run('--max-pairs', '7'))).toBe(7);
    expect(await pairsOf(run('--detect', always))).toBe(6);
    expect(await pairsOf(run('--detect', always, '--pairs', '8'))).toBe(8);
    // Fewer at most than at least: the latter holds.
    expect(await pairsOf(run('--pairs', '8', '--max-pairs', '6'))).toBe(8);
    expect((await run('--max-pairs', '5')).code).toBe(2);
  });

  test('analyze.compare.alpha: a stricter level asks for more pairs', async () => {
    const run = sample({ pairs: 6, maxPairs: 6, alpha: 0.0001 });
    // Two tests at 0.0001: 2^15 arrangements of signs tell one of 20,000.
    expect(await pairsOf(run())).toBe(16);
    expect(await pairsOf(run('--alpha', '0.05'))).toBe(7);
  });

  test('analyze.compare.floor: what is smaller does not count', async () => {
    const run = sample({ pairs: 8, maxPairs: 8, floor: '1000000%' });
    const small = await run('--with-sql', 'drop.sql');
    expect(parseReport<ComparisonData>(small).data.tests.map((one) => one.verdict)).not.toContain('regression');
    expect(small.code).not.toBe(4);
    const counted = await run('--with-sql', 'drop.sql', '--floor', '5%');
    expect(counted.code).toBe(4);
    expect(parseReport<ComparisonData>(counted).data.verdict).toBe('regression');
  });

  test.each([
    ['maxPairs', 5],
    ['pairs', 5],
    ['alpha', 0.9],
    ['floor', '5 per cent'],
    ['detect', 'much'],
  ])('analyze.compare.%s = %s is refused (2) by its name', async (key, value) => {
    const result = await sample({ [key]: value })();
    expect(result.code).toBe(2);
    expect(result.stdout + result.stderr).toContain(`analyze.compare.${key}`);
  });
});
