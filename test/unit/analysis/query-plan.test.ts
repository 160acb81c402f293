import { describe, expect, test } from 'vitest';
import { bindable } from '../../../src/core/analysis/cost/bind-values.ts';
import { costIsUsable } from '../../../src/core/analysis/query-plan/cost-self-test.ts';
import { explainPlan, planText } from '../../../src/core/analysis/query-plan/plan.ts';
import { planCost } from '../../../src/core/analysis/query-plan/plan-cost.ts';
import { planFacts } from '../../../src/core/analysis/query-plan/plan-facts.ts';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { testPorts } from '../../support/context.ts';

const schema = `
  CREATE TABLE orders(id INTEGER PRIMARY KEY, account, symbol, qty, status);
  CREATE INDEX by_symbol ON orders(symbol, qty);
  CREATE TABLE trades(id INTEGER PRIMARY KEY, order_id, px);
  CREATE VIRTUAL TABLE notes USING fts5(body);
  CREATE VIEW big AS SELECT * FROM orders WHERE account > 10;
  CREATE TABLE "order by"(a);
  ANALYZE`;

function facts(sql: string) {
  const connection = openMemory(testPorts);
  connection.exec(schema);
  connection.exec(`INSERT INTO sqlite_stat1 VALUES ('orders', 'by_symbol', '100000 2500 3'), ('trades', NULL, '50000');
    ANALYZE sqlite_schema`);
  const tables = new Set(['orders', 'trades', 'order by', 'notes']);
  const found = planFacts(explainPlan(connection, sql, []), sql, tables);
  connection.close();
  return found;
}

describe('facts of a plan', () => {
  test('a full scan, by table name, alias and through a view', () => {
    expect(facts('SELECT * FROM orders WHERE account = 1').fullScans).toEqual([
      { name: 'orders', table: 'orders', index: null },
    ]);
    expect(facts('SELECT * FROM orders AS o WHERE o.account = 1').fullScans).toEqual([
      { name: 'o', table: 'orders', index: null },
    ]);
    expect(facts('SELECT * FROM trades t, orders WHERE t.px > 1 AND orders.id = t.order_id').fullScans).toEqual([
      { name: 't', table: 'trades', index: null },
    ]);
    expect(facts('SELECT * FROM big').fullScans).toMatchObject([{ table: 'orders' }]);
    expect(facts('SELECT * FROM "order by" AS "x y"').fullScans).toMatchObject([{ name: 'x y', table: 'order by' }]);
  });

  test('a scan of an index is one too', () => {
    expect(facts('SELECT symbol, qty FROM orders').fullScans).toEqual([
      { name: 'orders', table: 'orders', index: 'by_symbol' },
    ]);
  });

  test('searches, constants, subqueries, CTEs and virtual tables are none', () => {
    expect(facts("SELECT * FROM orders WHERE symbol = 'A'").fullScans).toEqual([]);
    expect(facts('VALUES (1), (2)').fullScans).toEqual([]);
    expect(
      facts('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n').fullScans,
    ).toEqual([]);
    expect(facts("SELECT * FROM notes WHERE notes MATCH 'x'").fullScans).toEqual([]);
    expect(facts('SELECT * FROM (SELECT id FROM orders WHERE id = 1 LIMIT 1)').fullScans).toEqual([]);
  });

  test('sorts, automatic indexes, correlated subqueries and skip-scans', () => {
    expect(facts('SELECT DISTINCT account FROM orders ORDER BY qty').tempBtrees).toEqual(['DISTINCT', 'ORDER BY']);
    expect(facts('SELECT * FROM orders o JOIN trades t ON t.order_id = o.account').automaticIndexes).toHaveLength(1);
    expect(
      facts('SELECT (SELECT max(px) FROM trades t WHERE t.order_id = o.id) FROM orders o').correlatedSubqueries,
    ).toBe(1);
    expect(facts('SELECT * FROM orders WHERE qty = 5').skipScans).toEqual(['by_symbol']);
    expect(facts("SELECT * FROM orders WHERE symbol = 'A' AND qty = 5").skipScans).toEqual([]);
  });
});

describe('cost', () => {
  test('the self-test passes on this SQLite', () => {
    expect(costIsUsable(testPorts)).toBe(true);
  });

  test('the order of nesting counts', () => {
    const step = (detail: string, logCost: number) => ({ detail, logCost, depth: 0 });
    expect(planCost([step('SCAN t', 100), step('SEARCH u USING INDEX i (a=?)', 40)])).toBeGreaterThan(
      planCost([step('SEARCH t USING INDEX j (a=?)', 40), step('SEARCH u USING INDEX i (a=?)', 40)]),
    );
    expect(planCost([])).toBe(0);
  });

  test('steps are indented under their parent', () => {
    const connection = openMemory(testPorts);
    expect(planText(explainPlan(connection, 'SELECT 1 UNION SELECT 2', []))).toBe(
      'MERGE (UNION)\n  LEFT\n    SCAN CONSTANT ROW\n  RIGHT\n    SCAN CONSTANT ROW',
    );
    connection.close();
  });
});

describe('values for the driver', () => {
  test.each([
    ['SELECT ?, ?', [1n, 2n], [1n, 2n]],
    ['SELECT ?2, ?1', [1n, 2n], { 2: 2n, 1: 1n }],
    ['SELECT :a, @b, :a', [1n, 2n], { a: 1n, b: 2n }],
    ["SELECT ':no', $c -- :neither", { $c: 3n }, { c: 3n }],
    ['SELECT 1', [], []],
  ])('%s', (sql, values, expected) => {
    expect(bindable(sql, values as never)).toEqual(expected);
  });
});
