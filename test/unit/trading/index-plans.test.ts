import { beforeAll, describe, expect, test } from 'vitest';
import { type Connection, openMemory } from '../../../src/core/sqlite/connection.ts';
import { applyReferenceSchema } from '../../../src/core/trading/reference-schema.ts';
import { testPorts } from '../../support/context.ts';

/** Every index of the schema with the query it exists for. `primary` stands for the key of a WITHOUT ROWID table. */
const queries: readonly [index: string, sql: string][] = [
  ['orders_venue_id', 'SELECT * FROM orders WHERE account_id = ? AND instrument_id = ? AND venue_order_id = ?'],
  [
    'orders_by_account',
    'SELECT * FROM orders WHERE account_id = ? AND created_us < ? ORDER BY created_us DESC LIMIT 50',
  ],
  [
    'orders_by_instrument',
    'SELECT * FROM orders WHERE instrument_id = ? AND created_us < ? ORDER BY created_us DESC LIMIT 50',
  ],
  ['orders_by_parent', 'SELECT * FROM orders WHERE parent_order_id = ?'],
  ['orders_by_replaced', 'SELECT * FROM orders WHERE replaces_order_id = ?'],
  [
    'orders_open',
    'SELECT * FROM orders WHERE account_id = ? AND instrument_id = ? AND side = ? AND is_open = 1 ORDER BY price DESC',
  ],
  ['orders_open', 'SELECT * FROM orders WHERE is_open = 1 AND account_id = ?'],
  ['orders_open', 'SELECT order_id FROM orders WHERE is_open = 1 AND updated_us < ?'],
  ['sqlite_autoindex_orders_1', 'SELECT * FROM orders WHERE account_id = ? AND client_order_id = ?'],
  ['primary', 'SELECT * FROM order_events WHERE order_id = ? ORDER BY seq'],
  ['primary', 'SELECT max(seq) FROM order_events WHERE order_id = ?'],
  [
    'sqlite_autoindex_fills_1',
    'SELECT * FROM fills WHERE account_id = ? AND instrument_id = ? AND venue_trade_id = ? AND order_id = ?',
  ],
  ['fills_by_order', 'SELECT * FROM fills WHERE order_id = ?'],
  [
    'fills_by_time',
    'SELECT sum(realized) FROM fills WHERE account_id = ? AND instrument_id = ? AND exec_us BETWEEN ? AND ?',
  ],
  ['fills_exec', 'SELECT * FROM fills WHERE exec_us < ? ORDER BY exec_us LIMIT 1000'],
  ['primary', 'SELECT * FROM positions WHERE account_id = ?'],
  [
    'sqlite_autoindex_ledger_accounts_1',
    'SELECT * FROM ledger_accounts WHERE account_id = ? AND asset_id = ? AND kind = ?',
  ],
  [
    'sqlite_autoindex_funding_payments_1',
    'SELECT * FROM funding_payments WHERE account_id = ? AND instrument_id = ? AND due_us = ?',
  ],
  ['sqlite_autoindex_corporate_events_1', 'SELECT * FROM corporate_events WHERE instrument_id = ? ORDER BY ex_us'],
  ['journal_fill', "SELECT journal_id FROM journal WHERE fill_id = ? AND kind = 'fill'"],
  ['journal_funding', 'SELECT journal_id FROM journal WHERE funding_id = ?'],
  ['journal_event', 'SELECT * FROM journal WHERE event_id = ?'],
  ['primary', 'SELECT * FROM postings WHERE journal_id = ?'],
  ['postings_by_account', 'SELECT sum(amount) FROM postings WHERE ledger_account_id = ?'],
  ['primary', 'SELECT * FROM position_adjustments WHERE account_id = ? AND instrument_id = ?'],
  ['primary', 'SELECT * FROM quotes WHERE instrument_id = ? ORDER BY ts_us DESC, seq DESC LIMIT 1'],
  ['primary', 'SELECT * FROM ticks WHERE instrument_id = ? AND ts_us BETWEEN ? AND ?'],
  ['primary', 'SELECT * FROM candles WHERE instrument_id = ? AND interval_s = ? AND open_us BETWEEN ? AND ?'],
  ['primary', 'SELECT * FROM trading_sessions WHERE venue_id = ? AND open_us <= ? ORDER BY open_us DESC LIMIT 1'],
  ['trading_locks_active', 'SELECT * FROM trading_locks WHERE account_id = ? AND until_us > ? AND active = 1'],
  ['primary', 'SELECT value FROM engine_state WHERE scope = ? AND scope_id = ? AND key = ?'],
  ['audit_entity', 'SELECT * FROM audit_log WHERE entity = ? AND entity_id = ? ORDER BY seq'],
  ['import_runs_by_source', 'SELECT * FROM import_runs WHERE source_id = ? ORDER BY started_us DESC LIMIT 1'],
  ['primary', 'SELECT entity_id FROM external_refs WHERE source_id = ? AND entity = ? AND external_id = ?'],
  ['external_refs_by_entity', 'SELECT external_id FROM external_refs WHERE entity = ? AND entity_id = ?'],
  [
    'import_quarantine_open',
    'SELECT reason, count(*) FROM import_quarantine WHERE source_id = ? AND resolved_us IS NULL GROUP BY reason',
  ],
  ['sqlite_autoindex_instruments_1', 'SELECT * FROM instruments WHERE venue_id = ? AND symbol = ? AND kind = ?'],
];

/** Enough rows for statistics that mean something; foreign keys stay off, because only shapes matter here. */
const rows = `
  WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 3000)
  INSERT INTO orders (order_id, account_id, instrument_id, client_order_id, venue_order_id, parent_order_id, replaces_order_id,
                      side, type, price, qty, filled_qty, status, created_us, updated_us)
  SELECT k, 1 + k % 4, 1 + k % 20, 'c' || k, 'v' || k, iif(k % 50 = 0, k - 1, NULL), iif(k % 40 = 0, k - 1, NULL),
         iif(k % 2, 1, -1), 'limit', 100 + k % 7, 10, iif(k % 10 = 0, 0, 10), iif(k % 10 = 0, 'NEW', 'FILLED'),
         1700000000000000 + k, 1700000000000000 + k FROM n;
  INSERT INTO order_events SELECT order_id, 1, 'NEW', NULL, 'NEW', 0, created_us, created_us, NULL FROM orders;
  INSERT INTO fills (fill_id, order_id, account_id, instrument_id, venue_trade_id, side, price, qty, notional, exec_us, recv_us)
  SELECT order_id, order_id, account_id, instrument_id, 't' || order_id, side, price, qty, 0, created_us, created_us
  FROM orders WHERE status = 'FILLED';
  INSERT INTO positions SELECT 1 + k % 4, k, 1, 1, 0, NULL, 1 FROM (SELECT DISTINCT instrument_id AS k FROM orders);
  INSERT INTO ledger_accounts SELECT order_id, order_id % 4, order_id, 'cash', 0 FROM orders WHERE order_id < 100;
  INSERT INTO funding_payments SELECT order_id, account_id, instrument_id, created_us, 1, 1, 1 FROM orders WHERE order_id < 500;
  INSERT INTO corporate_events (instrument_id, kind, ex_us) SELECT instrument_id, 'expiry', created_us FROM orders WHERE order_id < 100;
  INSERT INTO journal (journal_id, ts_us, kind, fill_id) SELECT fill_id, exec_us, 'fill', fill_id FROM fills;
  INSERT INTO journal (journal_id, ts_us, kind, funding_id) SELECT 10000 + funding_id, due_us, 'funding', funding_id FROM funding_payments;
  INSERT INTO journal (journal_id, ts_us, kind, event_id) SELECT 20000 + event_id, ex_us, 'corporate', event_id FROM corporate_events;
  INSERT INTO postings SELECT journal_id, 1, 1 + journal_id % 90, 5 FROM journal;
  INSERT INTO trading_locks SELECT order_id, account_id, NULL, NULL, NULL, created_us, created_us, order_id % 10 = 0 FROM orders;
  INSERT INTO import_runs SELECT order_id, 1 + order_id % 3, created_us, NULL, 'done', '{}' FROM orders WHERE order_id < 100;
  INSERT INTO external_refs SELECT 1 + order_id % 3, iif(order_id % 2, 'order', 'fill'), 'x' || order_id, order_id, zeroblob(16) FROM orders;
  INSERT INTO import_quarantine (source_id, run_id, stream, external_id, reason, row, row_hash, resolved_us)
  SELECT 1 + order_id % 3, 1, 'orders', 'x' || order_id, 'orphan', '{}', zeroblob(16), iif(order_id % 2, 1, NULL) FROM orders WHERE order_id < 900;
  INSERT INTO quotes SELECT instrument_id, created_us, 1, 99, 1, 101, 1 FROM orders;
  INSERT INTO ticks SELECT instrument_id, created_us, 1, 100, 1, 1, NULL FROM orders;
  INSERT INTO candles SELECT instrument_id, 60, 60000000 * order_id, 1, 1, 1, 1, 0, 0, 1, NULL, NULL FROM orders;
  INSERT INTO order_events SELECT order_id, 2, 'TRADE', 'NEW', 'FILLED', 10, created_us, created_us, NULL FROM orders;
  INSERT INTO instruments (venue_id, symbol, kind, settlement, base_asset_id, quote_asset_id, price_scale, qty_scale, tick_size, lot_size)
  SELECT 1 + order_id % 2, 's' || order_id, 'spot', 'delivery', 1, 1, 2, 2, 1, 1 FROM orders WHERE order_id < 200;
`;

function planOf(connection: Connection, sql: string): string {
  const parameters = Array.from(sql.matchAll(/\?/g), () => 1);
  return connection
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .all<{ detail: string }>(parameters)
    .map((row) => row.detail)
    .join('; ');
}

function expectUse(plan: string, index: string): void {
  if (index === 'primary') expect(plan).toMatch(/SEARCH \w+ USING PRIMARY KEY/);
  else expect(plan).toMatch(new RegExp(`USING (COVERING )?INDEX ${index}\\b`));
  expect(plan).not.toContain('TEMP B-TREE');
}

describe.each([
  { when: 'without statistics', analyze: false },
  { when: 'after ANALYZE', analyze: true },
])('$when', ({ analyze }) => {
  let connection: Connection;
  beforeAll(() => {
    connection = openMemory(testPorts);
    connection.pragma('foreign_keys = 0');
    applyReferenceSchema(connection);
    connection.exec(rows);
    if (analyze) connection.exec('ANALYZE');
  });

  test.each(queries)('%s serves: %s', (index, sql) => {
    expectUse(planOf(connection, sql), index);
  });
});

test('no index is without a query', () => {
  const connection = openMemory(testPorts);
  applyReferenceSchema(connection);
  const named = connection
    .all<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
    .map((row) => row.name);
  const served = new Set(queries.map(([index]) => index));
  expect(named.filter((name) => !served.has(name))).toEqual([]);
});
