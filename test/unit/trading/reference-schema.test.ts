import { describe, expect, test } from 'vitest';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { edges, orderStatuses } from '../../../src/core/trading/order-state.ts';
import {
  applyReferenceSchema,
  hasReferenceSchema,
  referenceMigrations,
  removeReferenceSchema,
} from '../../../src/core/trading/reference-schema.ts';
import { testPorts } from '../../support/context.ts';

const schemaOf = (connection: ReturnType<typeof openMemory>) =>
  connection.all(
    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 1, 2",
  );

describe('reference schema', () => {
  test('up, down, up gives the same schema, and down leaves nothing', () => {
    const connection = openMemory(testPorts);
    applyReferenceSchema(connection);
    const first = schemaOf(connection);
    expect(first.length).toBeGreaterThan(50);
    expect(hasReferenceSchema(connection)).toBe(true);
    removeReferenceSchema(connection);
    expect(schemaOf(connection)).toEqual([]);
    expect(hasReferenceSchema(connection)).toBe(false);
    applyReferenceSchema(connection);
    expect(schemaOf(connection)).toEqual(first);
  });

  test('each step can be taken back by itself', () => {
    const connection = openMemory(testPorts);
    for (const migration of referenceMigrations()) {
      const before = schemaOf(connection);
      connection.exec(migration.up);
      const after = schemaOf(connection);
      expect(after.length).toBeGreaterThan(before.length);
      connection.exec(migration.down);
      expect(schemaOf(connection)).toEqual(before);
      connection.exec(migration.up);
    }
  });

  test('down works on tables with rows that point at each other', () => {
    const connection = openMemory(testPorts);
    connection.pragma('foreign_keys = 1');
    applyReferenceSchema(connection);
    connection.exec(`
      INSERT INTO assets VALUES (1, 'BTC', 8), (2, 'USD', 2);
      INSERT INTO venues VALUES (1, 'SIM', 1);
      INSERT INTO instruments (instrument_id, venue_id, symbol, kind, settlement, base_asset_id, quote_asset_id, price_scale, qty_scale, tick_size, lot_size)
        VALUES (1, 1, 'BTC-USD', 'spot', 'delivery', 1, 2, 2, 8, 1, 1);
      INSERT INTO accounts VALUES (1, 1, 'main', 'paper');
      INSERT INTO orders (order_id, account_id, instrument_id, client_order_id, side, type, price, qty, status, created_us, updated_us)
        VALUES (1, 1, 1, 'a', 1, 'limit', 100, 5, 'REPLACED', 1700000000000000, 1700000000000000);
      INSERT INTO orders (order_id, account_id, instrument_id, client_order_id, replaces_order_id, side, type, price, qty, status, created_us, updated_us)
        VALUES (2, 1, 1, 'b', 1, 1, 'limit', 100, 5, 'NEW', 1700000000000000, 1700000000000000);
      INSERT INTO fills (fill_id, order_id, account_id, instrument_id, venue_trade_id, side, price, qty, notional, exec_us, recv_us)
        VALUES (1, 2, 1, 1, 't1', 1, 100, 5, 0, 1700000000000000, 1700000000000000);
      INSERT INTO positions VALUES (1, 1, 5, 0, 0, 1, 1700000000000000);
      INSERT INTO audit_log VALUES (1, 1, 'a', 'b', 'c', 'd', '{}', zeroblob(32), randomblob(32));
    `);
    removeReferenceSchema(connection);
    expect(schemaOf(connection)).toEqual([]);
  });

  test('the edges of the table are the edges of the code', () => {
    const connection = openMemory(testPorts);
    applyReferenceSchema(connection);
    const stored = connection
      .prepare('SELECT from_status, to_status, exec_type FROM order_status_edges')
      .asArrays()
      .all();
    const sorted = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).sort();
    expect(sorted(stored)).toEqual(sorted(edges));
    expect(edges).toHaveLength(48);
  });

  test('the statuses of the CHECK are the statuses of the code', () => {
    const connection = openMemory(testPorts);
    applyReferenceSchema(connection);
    const sql = String(connection.value("SELECT sql FROM sqlite_schema WHERE name = 'orders'"));
    const list = /status IN \(([^)]*)\)\),/.exec(sql.replaceAll('\n', ' '))?.[1] ?? '';
    expect([...list.matchAll(/'(\w+)'/g)].map((match) => match[1]).sort()).toEqual([...orderStatuses].sort());
  });
});
