import { describe, expect, test } from 'vitest';
import { type Connection, openMemory } from '../../../src/core/sqlite/connection.ts';
import type { SqlValue } from '../../../src/core/sqlite/statement.ts';
import { applyReferenceSchema } from '../../../src/core/trading/reference-schema.ts';
import { testPorts } from '../../support/context.ts';

type Values = Readonly<Record<string, SqlValue>>;

interface TableCase {
  readonly valid: Values;
  /** Each changes the valid row so that one CHECK refuses it. */
  readonly refused: readonly Values[];
}

const time = 1_700_000_000_000_000;
const hash = new Uint8Array(32);
const beyond = 9_007_199_254_740_992n;

const tables: Readonly<Record<string, TableCase>> = {
  assets: { valid: { asset_id: 1, code: 'X', scale: 8 }, refused: [{ scale: 19 }] },
  venues: { valid: { venue_id: 1, code: 'V', continuous: 1 }, refused: [{ continuous: 2 }] },
  trading_sessions: { valid: { venue_id: 1, open_us: 1, close_us: 2 }, refused: [{ close_us: 1 }] },
  instruments: {
    valid: {
      venue_id: 1,
      symbol: 'A',
      kind: 'spot',
      settlement: 'delivery',
      base_asset_id: 1,
      quote_asset_id: 1,
      price_scale: 2,
      qty_scale: 2,
      tick_size: 1,
      lot_size: 1,
      contract_size: 1,
      contract_scale: 0,
      status: 'active',
    },
    refused: [
      { kind: 'bond' },
      { settlement: 'barter' },
      { settlement: 'margin' },
      { price_scale: 13 },
      { qty_scale: -1 },
      { tick_size: 0 },
      { lot_size: 0 },
      { contract_size: 0 },
      { contract_scale: 13 },
      { status: 'gone' },
    ],
  },
  accounts: { valid: { account_id: 1, venue_id: 1, name: 'a', mode: 'paper' }, refused: [{ mode: 'dream' }] },
  strategies: { valid: { name: 's', version: '1', params: '{}' }, refused: [{ params: '{' }] },
  orders: {
    valid: {
      account_id: 1,
      instrument_id: 1,
      client_order_id: 'c',
      side: 1,
      type: 'limit',
      tif: 'GTC',
      post_only: 0,
      reduce_only: 0,
      price: 1,
      stop_price: null,
      qty: 5,
      filled_qty: 0,
      filled_notional: 0,
      status: 'NEW',
      expire_us: null,
      created_us: time,
      updated_us: time,
    },
    refused: [
      { side: 0 },
      { type: 'iceberg' },
      { tif: 'OPG' },
      { post_only: 2 },
      { reduce_only: 2 },
      { price: 0 },
      { price: beyond },
      { stop_price: 0 },
      { qty: 0 },
      { qty: beyond },
      { filled_qty: 6 },
      { filled_notional: -1 },
      { status: 'OPEN' },
      { status: 'FILLED' },
      { created_us: 1_700_000_000_000 },
      { updated_us: time - 1 },
      { price: null },
      { type: 'stop_limit' },
      { tif: 'GTD' },
    ],
  },
  order_events: {
    valid: { order_id: 1, seq: 1, exec_type: 'NEW', to_status: 'NEW', cum_qty: 0, event_us: 1, recv_us: 1 },
    refused: [{ seq: 0 }, { exec_type: 'DONE' }],
  },
  fills: {
    valid: {
      order_id: 1,
      account_id: 1,
      instrument_id: 1,
      venue_trade_id: 't',
      side: 1,
      price: 1,
      qty: 1,
      notional: 0,
      fee: 0,
      fee_asset_id: null,
      liquidity: 'M',
      exec_us: 1,
      recv_us: 1,
      synthetic: 0,
      busted: 0,
    },
    refused: [
      { side: 2 },
      { price: 0 },
      { qty: 0 },
      { notional: -1 },
      { liquidity: 'X' },
      { synthetic: 2 },
      { busted: 2 },
      { fee: 1 },
    ],
  },
  positions: {
    valid: { account_id: 1, instrument_id: 1, qty: 0, cost: 0, realized: 0, updated_us: 1 },
    refused: [{ cost: 1 }],
  },
  ledger_accounts: {
    valid: { account_id: 1, asset_id: 1, kind: 'cash', allow_negative: 0 },
    refused: [{ kind: 'petty' }, { allow_negative: 2 }],
  },
  corporate_events: {
    valid: { instrument_id: 1, kind: 'expiry', ex_us: 1 },
    refused: [{ kind: 'party' }, { ratio_num: 0 }, { ratio_den: 0 }, { kind: 'split' }, { kind: 'dividend' }],
  },
  journal: {
    valid: { ts_us: 1, kind: 'deposit' },
    refused: [{ kind: 'gift' }, { kind: 'fill' }, { kind: 'funding' }],
  },
  postings: {
    valid: { journal_id: 1, line: 1, ledger_account_id: 1, amount: 1 },
    refused: [{ line: 0 }, { amount: 0 }],
  },
  balances: { valid: { ledger_account_id: 1, amount: -5, held: 0 }, refused: [{ held: -1 }] },
  quote_levels: { valid: { instrument_id: 1, ts_us: 1, seq: 1, level: 2 }, refused: [{ level: 1 }] },
  ticks: {
    valid: { instrument_id: 1, ts_us: 1, seq: 1, price: 1, qty: 1, taker_side: 1 },
    refused: [{ taker_side: 0 }],
  },
  candles: {
    valid: {
      instrument_id: 1,
      interval_s: 3600,
      open_us: 900_000_000,
      open: 2,
      high: 3,
      low: 1,
      close: 2,
      volume: 0,
      closed: 1,
    },
    refused: [{ interval_s: 0 }, { volume: -1 }, { closed: 2 }, { high: 1 }, { low: 0 }, { open_us: 60_000_000 }],
  },
  trading_locks: {
    valid: { account_id: 1, side: 1, from_us: 1, until_us: 2, active: 1 },
    refused: [{ side: 3 }, { active: 2 }],
  },
  engine_state: { valid: { scope: 'engine', key: 'k', value: '1', updated_us: 1 }, refused: [{ value: 'x' }] },
  audit_log: {
    valid: {
      seq: 1,
      ts_us: 1,
      actor: 'a',
      action: 'b',
      entity: 'c',
      entity_id: 'd',
      payload: '{}',
      prev_hash: hash,
      hash,
    },
    refused: [{ payload: 'no' }, { hash: new Uint8Array(31) }],
  },
  import_sources: {
    valid: { system: 's', name: 'n', schema_version: '1', mapping_sha256: hash },
    refused: [{ mapping_sha256: new Uint8Array(1) }],
  },
  import_runs: {
    valid: { source_id: 1, started_us: 1, status: 'done', report: '{}' },
    refused: [{ status: 'x' }, { report: '' }],
  },
  import_progress: {
    valid: { source_id: 1, stream: 's', phase: 'bulk', last_key: '[]', rows_read: 0, rows_new: 0, rows_held: 0 },
    refused: [{ phase: 'x' }, { last_key: '[' }],
  },
  external_attributes: {
    valid: { source_id: 1, entity: 'e', external_id: 'x', attributes: '{}' },
    refused: [{ attributes: '{' }],
  },
  import_quarantine: {
    valid: { source_id: 1, run_id: 1, stream: 's', external_id: 'x', reason: 'orphan', row: '{}', row_hash: hash },
    refused: [{ row: '?' }],
  },
};

function insert(connection: Connection, table: string, values: Values): void {
  const names = Object.keys(values);
  connection.run(
    `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
    Object.values(values),
  );
}

function emptySchema(): Connection {
  const connection = openMemory(testPorts);
  connection.pragma('foreign_keys = 0');
  applyReferenceSchema(connection);
  return connection;
}

describe.each(Object.entries(tables))('%s', (table, { valid, refused }) => {
  test('takes a valid row', () => {
    const connection = emptySchema();
    insert(connection, table, valid);
    expect(connection.value(`SELECT count(*) FROM ${table}`)).toBe(1);
  });

  test.each(
    refused.map((change) => [
      Object.entries(change)
        .map(([name, value]) => `${name} = ${value}`)
        .join(),
      change,
    ]),
  )('refuses %s', (_, change) => {
    expect(() => insert(emptySchema(), table, { ...valid, ...(change as Values) })).toThrow('CHECK constraint failed');
  });
});

test('every CHECK of the schema has a refused value', () => {
  const rows = emptySchema().all<{ name: string; sql: string }>(
    "SELECT name, sql FROM sqlite_schema WHERE type = 'table'",
  );
  for (const { name, sql } of rows) {
    const checks = sql.replaceAll(/--[^\n]*/g, '').match(/\bCHECK \(/g)?.length ?? 0;
    // audit_log checks two hashes alike, and the notional bounds are the price bounds.
    expect(tables[name]?.refused.length ?? 0, name).toBeGreaterThanOrEqual(name === 'audit_log' ? checks - 1 : checks);
  }
});

describe('audit_log is append-only', () => {
  const link = tables.audit_log?.valid ?? {};
  const chained = (): Connection => {
    const connection = emptySchema();
    insert(connection, 'audit_log', link);
    return connection;
  };
  test.each([
    ["UPDATE audit_log SET actor = 'x'", 'append-only'],
    ['DELETE FROM audit_log', 'append-only'],
    [
      "INSERT OR REPLACE INTO audit_log VALUES (1, 1, 'x', 'b', 'c', 'd', '{}', zeroblob(32), zeroblob(32))",
      'not the next link',
    ],
    ["INSERT INTO audit_log VALUES (3, 1, 'x', 'b', 'c', 'd', '{}', zeroblob(32), zeroblob(32))", 'not the next link'],
    [
      "INSERT INTO audit_log VALUES (2, 1, 'x', 'b', 'c', 'd', '{}', randomblob(32), zeroblob(32))",
      'not the next link',
    ],
  ])('%s', (sql, message) => {
    expect(() => chained().exec(sql)).toThrow(message);
  });
});
