// Orders leave the trading schema with their events and fills: the time for one order must not grow with the table. Each
// size is built anew; then some of its oldest orders are looked at and deleted as `vacuum archive` does it (the unit
// gathered, references asked for, rows deleted), in one transaction that is rolled back. Beside it: the same without the
// two partial indexes on orders that point to other orders.
//   npm run build && node bench/vacuum/archive-orders.mjs [orders of the table, separated by commas] [rounds]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LiveUnit } from '../../dist/core/maintenance/retention/live-unit.js';
import { ExactStatements } from '../../dist/core/maintenance/retention/row.js';
import { readUnit } from '../../dist/core/maintenance/retention/unit.js';
import { createDatabase } from '../../dist/core/sqlite/connection.js';
import { normalProfile } from '../../dist/core/sqlite/pragma-profile.js';
import { applyReferenceSchema } from '../../dist/core/trading/reference-schema.js';
import { systemClock } from '../../dist/system/system-clock.js';
import { systemRandom } from '../../dist/system/system-random.js';
import { printTable } from '../beside.mjs';

const sizes = (process.argv[2] ?? '10000,200000,2000000').split(',').map(Number);
const rounds = Number(process.argv[3] ?? 5);
const leaving = 2000;
const withoutIndex = 20;

const rows = `
  INSERT INTO assets (asset_id, code, scale) VALUES (1, 'USD', 2), (2, 'BTC', 8);
  INSERT INTO venues (venue_id, code, continuous) VALUES (1, 'SIM', 1);
  INSERT INTO accounts (account_id, venue_id, name, mode) VALUES (1, 1, 'a', 'paper');
  INSERT INTO instruments (instrument_id, venue_id, symbol, kind, settlement, base_asset_id, quote_asset_id, price_scale,
    qty_scale, tick_size, lot_size) VALUES (1, 1, 'BTC-USD', 'spot', 'delivery', 2, 1, 2, 4, 1, 1);`;

function makeOrders(path, orders) {
  const connection = createDatabase(path, normalProfile, { clock: systemClock, random: systemRandom });
  connection.pragma('synchronous = OFF');
  applyReferenceSchema(connection);
  connection.exec(rows);
  connection.run(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     INSERT INTO orders (order_id, account_id, instrument_id, client_order_id, replaces_order_id, side, type, price, qty, status, created_us, updated_us)
     SELECT i, 1, 1, 'c' || i, iif(i % 10 = 0, i - 1, NULL), 1, 'limit', 100 + i % 50, 10, iif(i % 10 = 9, 'REPLACED', 'CANCELED'),
       1600000000000000 + i * 1000000, 1600000000000000 + i * 1000000 FROM n`,
    [orders],
  );
  connection.exec(`
    INSERT INTO order_events (order_id, seq, exec_type, from_status, to_status, cum_qty, event_us, recv_us)
      SELECT order_id, seq, 'NEW', NULL, 'NEW', 0, created_us, created_us
      FROM orders, (SELECT 1 AS seq UNION ALL SELECT 2 UNION ALL SELECT 3);
    INSERT INTO fills (order_id, account_id, instrument_id, venue_trade_id, side, price, qty, notional, exec_us, recv_us)
      SELECT order_id, 1, 1, 't' || order_id, 1, 100, 1, 1, updated_us, updated_us FROM orders WHERE order_id % 30 = 0;
    ANALYZE`);
  return connection;
}

/** Milliseconds for one order. */
function deleteSome(connection, count) {
  const unit = readUnit(connection, 'orders', ['order_events', 'fills']);
  const live = new LiveUnit(new ExactStatements(connection), unit);
  connection.begin();
  const started = performance.now();
  let deleted = 0;
  for (let id = 1; id <= count; id += 1) {
    const root = live.find(0, [BigInt(id)]);
    const tables = live.gather(root);
    if (tables.some((list, table) => list.some(({ key }) => live.referenced(table, key)))) continue;
    for (let table = tables.length - 1; table >= 0; table -= 1) {
      for (const { key } of tables[table]) live.delete(table, key);
    }
    deleted += 1;
  }
  const ms = (performance.now() - started) / count;
  connection.rollback();
  if (deleted < count * 0.8) throw new Error(`only ${deleted} of ${count} orders could leave`);
  return ms;
}

const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
try {
  const results = [];
  for (const orders of sizes) {
    const path = join(folder, `${orders}.db`);
    const connection = makeOrders(path, orders);
    const times = [];
    // The first round warms up; of the others the best one counts, which other load disturbs least.
    for (let round = 0; round <= rounds; round += 1) times.push(deleteSome(connection, leaving));
    connection.exec('DROP INDEX orders_by_parent; DROP INDEX orders_by_replaced');
    results.push({ orders, ms: Math.min(...times.slice(1)), scanned: deleteSome(connection, withoutIndex) });
    connection.close();
    rmSync(path);
  }
  const [smallest] = results;
  printTable([
    ['orders', 'us per order', 'against the smallest', 'without the two indexes'],
    ...results.map(({ orders, ms, scanned }) => [
      orders.toLocaleString('en'),
      (ms * 1000).toFixed(0),
      (ms / smallest.ms).toFixed(2),
      `${(scanned * 1000).toFixed(0)} us, ${(scanned / ms).toFixed(0)} times`,
    ]),
  ]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
