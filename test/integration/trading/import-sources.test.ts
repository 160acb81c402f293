import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Connection } from '../../../src/core/sqlite/connection.ts';
import { hummingbotWriter } from '../../support/foreign/hummingbot.ts';
import { hummingbotReleases } from '../../support/foreign/hummingbot-schema.ts';
import { importFile, importTarget, targetHash } from '../../support/foreign/import.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function target(): Connection {
  const connection = importTarget();
  onTestFinished(() => connection.close());
  return connection;
}

const failed = (result: { reconciliation: readonly { passed: boolean }[] }) =>
  result.reconciliation.filter(({ passed }) => !passed);

type Generation = keyof typeof hummingbotReleases;

const pad = (value: number): string => String(value).padStart(6, '0');

/** Orders in every state, with fees of every form, and rows of every other table. */
function writeHummingbot(path: string, generation: Generation, orders = 60): void {
  const db = new Database(path);
  db.pragma('foreign_keys = 0');
  db.pragma('synchronous = OFF');
  const bot = hummingbotWriter(db, generation);
  const start = 1_700_000_000_000;
  const write = db.transaction(() => {
    for (let n = 0; n < orders; n += 1) {
      const at = start + n * 60_000;
      const id = `HBOT-${pad(n)}`;
      const isBuy = n % 2 === 0;
      const word = isBuy ? 'Buy' : 'Sell';
      const trade_type = isBuy ? 'BUY' : 'SELL';
      const end =
        ['OrderCancelled', `${word}OrderCompleted`, 'OrderFilled', 'OrderFailure', 'OrderExpired'][n % 5] ?? '';
      const time = { creation_timestamp: at, last_update_timestamp: at + 3000 };
      bot.order(id, { amount: '0.300000', price: `64${pad(n).slice(3)}.25`, last_status: end, ...time });
      bot.status(id, `${word}OrderCreated`, at);
      const fills = end.endsWith('Completed') ? 3 : end === 'OrderFilled' ? 1 : 0;
      for (let fill = 0; fill < fills; fill += 1) {
        bot.status(id, 'OrderFilled', at + 1000 + fill);
        const fee =
          n % 4 === 1
            ? { fee_type: 'AddedToCost', percent: '0.001', percent_token: null, flat_fees: [] }
            : {
                fee_type: 'AddedToCost',
                percent: '0',
                percent_token: null,
                flat_fees: [{ token: 'BNB', amount: '0.0001' }],
              };
        bot.fill(id, `t-${n}-${fill}`, {
          amount: '0.100000',
          price: `64${pad(n).slice(3)}.25`,
          timestamp: at + 1000 + fill,
          trade_type,
          trade_fee: JSON.stringify(fee),
        });
      }
      if (end !== 'OrderFilled') bot.status(id, end, at + 3000);
    }
    bot.fill('lost', 'alone', { amount: '1.5', price: '10', symbol: 'ETH-USDT', base_asset: 'ETH', timestamp: start });
    bot.funding({ timestamp: start, amount: -1.25 });
    bot.funding({ timestamp: start / 1000 + 3600, amount: 0.5 });
    bot.state({ timestamp: start, saved_state: '{"a":1}' });
    bot.state({ timestamp: start + 1, saved_state: '{"a":2}' });
    if (generation === 'H11') {
      const order_book = JSON.stringify({
        bid: [
          [64_000.5, 2, 1],
          [64_000, 3, 1],
        ],
        ask: [[64_001.5, 1, 1]],
      });
      bot.data({
        timestamp: BigInt(start) * 1_000_000n,
        mid_price: 0n,
        best_bid: 64_000_500_000n,
        best_ask: 64_001_500_000n,
        order_book,
      });
      bot.executor({
        id: 'e',
        timestamp: 1_700_000_000.5,
        type: 'grid',
        status: 1,
        config: '{}',
        net_pnl_quote: 1,
        is_active: 0,
        custom_info: '{}',
        controller_id: 'c',
      });
    }
  });
  write();
  db.close();
}

describe('an import of Hummingbot', () => {
  it.each(Object.keys(hummingbotReleases) as Generation[])(
    'of generation %s is equal to the source, and the second run finds nothing',
    async (generation) => {
      const path = join(temporaryFolder(), 'bot.sqlite');
      writeHummingbot(path, generation);
      const into = target();
      const result = await importFile(path, into, { batchRows: 17 });
      expect(failed(result)).toEqual([]);
      expect(result.rules.filter(({ severity }) => severity === 'critical')).toEqual([]);
      expect(result.quarantine.map(({ reason, count }) => [reason, count])).toEqual([['duplicate_conflict', 1]]);
      expect(result.streams.find(({ name }) => name === 'orders')).toMatchObject({ rowsRead: 60, rowsNew: 60 });
      expect(result.streams.find(({ name }) => name === 'fills')).toMatchObject({
        rowsRead: 12 * 3 + 12 + 1,
        rowsNew: 1,
      });
      const checks = new Set(result.reconciliation.map(({ check }) => check));
      expect([...checks].sort()).toEqual(['bought', 'fills', 'funding', 'funding payments', 'orders', 'sold', 'state']);
      expect(into.value('SELECT count(*) FROM fills')).toBe(49);
      expect(into.value("SELECT count(*) FROM orders WHERE status = 'FILLED'")).toBe(13);
      // Events as they were: creation, two executions, and the third that completed it.
      expect(into.value("SELECT count(*) FROM order_events WHERE exec_type = 'TRADE'")).toBe(12 * 3 + 12);
      expect(into.all('SELECT scope, key, value FROM engine_state WHERE scope = ?', ['market'])).toEqual([
        { scope: 'market', key: 'binance', value: '{"a":2}' },
      ]);

      const before = targetHash(into);
      const again = await importFile(path, into);
      expect(again.streams.every(({ rowsNew, rowsUpdated }) => rowsNew + rowsUpdated === 0)).toBe(true);
      expect(failed(again)).toEqual([]);
      expect(targetHash(into)).toBe(before);
    },
    60_000,
  );

  it('applies what the bot did since', async () => {
    const path = join(temporaryFolder(), 'bot.sqlite');
    writeHummingbot(path, 'H11', 10);
    const into = target();
    await importFile(path, into);
    const db = new Database(path);
    db.exec(`UPDATE "Order" SET last_status = 'OrderCancelled', last_update_timestamp = 1700000200000 WHERE id = 'HBOT-000002';
      INSERT INTO OrderStatus (order_id, timestamp, status) VALUES ('HBOT-000002', 1700000200000, 'OrderCancelled');
      UPDATE MarketState SET saved_state = '{"a":3}', timestamp = timestamp + 5 WHERE id = 2`);
    db.close();
    const result = await importFile(path, into);
    expect(failed(result)).toEqual([]);
    expect(into.value("SELECT status FROM orders WHERE client_order_id = 'HBOT-000002'")).toBe('CANCELED');
    expect(into.value("SELECT value FROM engine_state WHERE scope = 'market'")).toBe('{"a":3}');
  });
});
