import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, describe, expect, it } from 'vitest';
import type { Connection } from '../../../src/core/sqlite/connection.ts';
import type { ImportResult } from '../../../src/core/trading/import/result.ts';
import type { ImportRequest } from '../../../src/core/trading/import/run-import.ts';
import { runRules } from '../../../src/core/trading/rule/run-rules.ts';
import { makeFreqtrade } from '../../support/foreign/freqtrade.ts';
import { importFile, importTarget, targetHash } from '../../support/foreign/import.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const far = 4_000_000_000_000_000;
let target: Connection;
let source: Database.Database;
afterEach(() => {
  source?.close();
  target?.close();
});

/** A file with an open trade at its end, imported once. */
async function imported(changes: Partial<ImportRequest> = {}) {
  const { path } = makeFreqtrade(join(temporaryFolder(), 'tradesv3.sqlite'), 'F9', { futures: true });
  source = new Database(path);
  source.pragma('foreign_keys = OFF');
  target = importTarget();
  await importFile(path, target, changes);
  const again = (more: Partial<ImportRequest> = {}) => importFile(path, target, { ...changes, ...more });
  return { path, again };
}

function brokenRules(): string[] {
  return runRules(target, { nowUs: far, tolUs: 1_000_000, staleUs: far })
    .filter(({ status }) => status !== 'ok')
    .map(({ id, samples, reason }) => `${id} ${samples.join(',')} ${reason ?? ''}`);
}

const failed = ({ reconciliation }: ImportResult) => reconciliation.filter(({ passed }) => !passed);
const openOrder = (): number =>
  Number(source.prepare("SELECT max(id) FROM orders WHERE status = 'open'").pluck().get());
const stored = (id: number) =>
  target.get<{ status: string; filled_qty: number; qty: number; order_id: number }>(
    'SELECT status, filled_qty, qty, order_id FROM orders WHERE client_order_id = ?',
    [`ft-${id}`],
  );
const heldReasons = (): unknown[] =>
  target.all('SELECT stream, external_id, reason FROM import_quarantine WHERE resolved_us IS NULL');

function setOrder(id: number, change: string): void {
  source.exec(`UPDATE orders SET ${change} WHERE id = ${id}`);
}

describe('a source that goes on after an import', () => {
  it('fills an order in two steps: one more fill for each, legal events, an audit row', async () => {
    const { again } = await imported();
    const id = openOrder();
    expect(stored(id)).toMatchObject({ status: 'NEW', filled_qty: 0 });
    setOrder(
      id,
      "filled = amount / 2, average = price, cost = price * amount / 2, order_filled_date = '2025-01-01 10:00:00.000000'",
    );
    expect(failed(await again())).toEqual([]);
    expect(stored(id)).toMatchObject({ status: 'PARTIALLY_FILLED' });
    setOrder(id, "filled = amount, cost = price * amount, status = 'closed', ft_is_open = 0");
    // The bot would close the trade too: its amount is told no more.
    source.exec(`UPDATE trades SET is_open = 0 WHERE id = (SELECT ft_trade_id FROM orders WHERE id = ${id})`);
    const last = await again();
    expect(last.streams[0]).toMatchObject({ rowsUpdated: 1, rowsNew: 0 });
    expect(last.fillsBooked).toBe(1);
    expect(failed(last)).toEqual([]);
    const order = stored(id);
    expect(order?.filled_qty).toBe(order?.qty);
    const orderId = order?.order_id ?? 0;
    expect(target.all('SELECT venue_trade_id FROM fills WHERE order_id = ? ORDER BY fill_id', [orderId])).toEqual([
      { venue_trade_id: `ft-${id}` },
      { venue_trade_id: `ft-${id}.2` },
    ]);
    expect(target.all('SELECT to_status FROM order_events WHERE order_id = ? ORDER BY seq', [orderId])).toEqual([
      { to_status: 'NEW' },
      { to_status: 'PARTIALLY_FILLED' },
      { to_status: 'FILLED' },
    ]);
    expect(
      target.value("SELECT count(*) FROM audit_log WHERE entity = 'order' AND entity_id = ?", [String(orderId)]),
    ).toBe(2);
    expect(brokenRules()).toEqual([]);
  });

  it('cancels an order', async () => {
    const { again } = await imported();
    const id = openOrder();
    setOrder(
      id,
      "status = 'canceled', ft_is_open = 0, ft_cancel_reason = 'timeout', order_update_date = '2025-01-01 10:00:00'",
    );
    expect(failed(await again())).toEqual([]);
    expect(stored(id)).toMatchObject({ status: 'CANCELED' });
    const note = 'SELECT note FROM order_events WHERE order_id = ? ORDER BY seq DESC LIMIT 1';
    expect(target.value(note, [stored(id)?.order_id ?? 0])).toBe('timeout');
    expect(brokenRules()).toEqual([]);
  });

  it('corrects a fee after it was booked: an entry of its own, the balance follows', async () => {
    const { again } = await imported();
    const trade = Number(source.prepare('SELECT id FROM trades WHERE is_open = 1 LIMIT 1').pluck().get());
    source.exec(`UPDATE trades SET fee_open = 0.002 WHERE id = ${trade}`);
    const result = await again();
    expect(failed(result)).toEqual([]);
    expect(Number(target.value("SELECT count(*) FROM journal WHERE kind = 'adjust'"))).toBeGreaterThan(0);
    expect(brokenRules()).toEqual([]);
  });

  it.each([
    ['is filled less', 'filled = filled / 2, cost = cost / 2, remaining = amount / 2'],
    ['has another price', 'price = price * 1.5, average = average * 1.5, cost = cost * 1.5'],
    ['is on the other side', "side = CASE side WHEN 'buy' THEN 'sell' ELSE 'buy' END"],
    ['was filled and is cancelled', "status = 'canceled', filled = 0, cost = 0, average = NULL"],
  ])('an order that %s now is held as source_changed, and stays as it was', async (_, change) => {
    const { again } = await imported();
    const id = Number(source.prepare("SELECT min(id) FROM orders WHERE status = 'closed'").pluck().get());
    const before = stored(id);
    setOrder(id, change);
    const result = await again();
    expect(stored(id)).toEqual(before);
    expect(heldReasons()).toEqual([{ stream: 'orders', external_id: String(id), reason: 'source_changed' }]);
    expect(failed(result)).toEqual([]);
    const hash = targetHash(target);
    await again();
    expect(targetHash(target)).toBe(hash);
    expect(brokenRules()).toEqual([]);
  });

  it('deletes a trade: what is stored stays, is told, and left out of the comparison', async () => {
    const { again } = await imported();
    const trade = Number(source.prepare('SELECT min(id) FROM trades WHERE is_open = 0').pluck().get());
    const gone = source.prepare('SELECT id FROM orders WHERE ft_trade_id = ?').pluck().all(trade).map(String);
    source.exec(`DELETE FROM orders WHERE ft_trade_id = ${trade}; DELETE FROM trades WHERE id = ${trade}`);
    const rows = Number(target.value('SELECT count(*) FROM orders'));
    const result = await again();
    expect(target.value('SELECT count(*) FROM orders')).toBe(rows);
    expect(failed(result)).toEqual([]);
    const held = target.all<{ external_id: string }>(
      "SELECT external_id FROM import_quarantine WHERE stream = 'orders'",
    );
    expect(held.map(({ external_id: id }) => id).sort()).toEqual(gone.sort());
    const hash = targetHash(target);
    await again();
    expect(targetHash(target)).toBe(hash);
    expect(brokenRules()).toEqual([]);
  });

  it('gets an order that is older than what was booked: the pair is booked anew, the rules hold', async () => {
    const { path } = makeFreqtrade(join(temporaryFolder(), 'tradesv3.sqlite'), 'F9', { futures: true });
    source = new Database(path);
    source.pragma('foreign_keys = OFF');
    target = importTarget();
    // The first trade of each instrument comes late.
    source.exec(`CREATE TABLE late_trades AS SELECT * FROM trades WHERE id IN (SELECT min(id) FROM trades GROUP BY pair);
      CREATE TABLE late_orders AS SELECT * FROM orders WHERE ft_trade_id IN (SELECT id FROM late_trades);
      DELETE FROM orders WHERE id IN (SELECT id FROM late_orders); DELETE FROM trades WHERE id IN (SELECT id FROM late_trades)`);
    await importFile(path, target);
    source.exec('INSERT INTO trades SELECT * FROM late_trades; INSERT INTO orders SELECT * FROM late_orders');
    const result = await importFile(path, target);
    expect(result.fillsBooked).toBeGreaterThan(0);
    expect(failed(result)).toEqual([]);
    expect(brokenRules()).toEqual([]);

    const late = target.all('SELECT instrument_id, qty, cost, realized FROM positions ORDER BY 1');
    target.close();
    target = importTarget();
    await importFile(path, target);
    const symbols =
      'SELECT i.symbol, p.qty, p.cost, p.realized FROM positions p JOIN instruments i USING (instrument_id) ORDER BY 1';
    expect(target.all(symbols)).toHaveLength(late.length);
    expect(brokenRules()).toEqual([]);
  });
});

describe('several sources', () => {
  it('of two bots keep to accounts of their own', async () => {
    await imported();
    const other = makeFreqtrade(join(temporaryFolder(), 'tradesv3.sqlite'), 'F9', { seed: 11 });
    const options = { name: 'other.sqlite', options: { account: 'other' } };
    const result = await importFile(other.path, target, options);
    expect(result.quarantine).toEqual([]);
    expect(failed(result)).toEqual([]);
    expect(target.value('SELECT count(DISTINCT account_id) FROM orders')).toBe(2);
    expect(brokenRules()).toEqual([]);
  });

  it('in one account hold what the account has already', async () => {
    const { path } = await imported();
    const rows = Number(target.value('SELECT count(*) FROM orders'));
    const result = await importFile(path, target, { name: 'the same file' });
    expect(target.value('SELECT count(*) FROM orders')).toBe(rows);
    expect(result.quarantine.map(({ reason }) => reason)).toContain('duplicate_conflict');
    expect(brokenRules()).toEqual([]);
  });
});

describe('opening balances', () => {
  it('are booked once, before the first order, and hold the cash above zero from then on', async () => {
    const openings = [{ asset: 'USDT', amount: '1000000.5' }];
    const { again } = await imported({ openings });
    await again();
    expect(target.all("SELECT kind FROM journal WHERE kind = 'opening'")).toHaveLength(1);
    const cash = `SELECT l.allow_negative, b.amount > 0 AS above FROM ledger_accounts l JOIN balances b USING (ledger_account_id)
      JOIN assets a USING (asset_id) WHERE a.code = 'USDT' AND l.kind = 'cash'`;
    expect(target.all(cash)).toEqual([{ allow_negative: 0, above: 1 }]);
    expect(brokenRules()).toEqual([]);
  });
});
