import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Connection } from '../../../src/core/sqlite/connection.ts';
import { writeHummingbot } from '../../support/foreign/hummingbot.ts';
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
      if (generation === 'H11') expect(into.value('SELECT count(*) FROM engine_state')).toBe(4);
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
