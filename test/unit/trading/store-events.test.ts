import { describe, expect, test } from 'vitest';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { createOrderStore } from '../../../src/core/trading/store/order-store.ts';
import type { StoreEvent } from '../../../src/core/trading/store/types.ts';
import { testPorts } from '../../support/context.ts';
import {
  errorOf,
  fillOrder,
  fund,
  fundedDatabase,
  openLimit,
  startUs,
  tradingDatabase,
} from '../../support/trading-database.ts';

describe('events', () => {
  test('arrive after the commit, in order, and never from what was rolled back', () => {
    const db = fundedDatabase();
    const seen: string[] = [];
    db.store.subscribe({ accountId: db.accountId }, (event: StoreEvent) => {
      expect(db.connection.inTransaction).toBe(false);
      seen.push(event.action);
    });
    const orderId = openLimit(db);
    expect(errorOf(() => fillOrder(db, orderId, { quantity: 1_000 })).code).toBe('overfill');
    db.store.transaction(() => {
      fillOrder(db, orderId, { quantity: 10 });
      expect(seen).toEqual(['place', 'acknowledge']);
      try {
        db.store.transaction(() => {
          db.store.requestCancel(orderId);
          throw new Error('undo');
        });
      } catch {
        // The inner part is gone, the outer one stays.
      }
    });
    expect(seen).toEqual(['place', 'acknowledge', 'fill']);
    expect(() =>
      db.store.transaction(() => {
        db.store.cancelled(orderId);
        throw new Error('undo');
      }),
    ).toThrow('undo');
    expect(seen).toHaveLength(3);
    expect(db.store.order(orderId).status).toBe('PARTIALLY_FILLED');
  });

  test("inside the caller's own transaction they wait until its end is known", async () => {
    const db = fundedDatabase();
    const seen: (number | undefined)[] = [];
    db.store.subscribe({ kinds: ['order'] }, (event) => seen.push(event.orderId));
    const kept = db.connection.tx(() => openLimit(db));
    expect(() =>
      db.connection.tx(() => {
        openLimit(db);
        throw new Error('undo');
      }),
    ).toThrow('undo');
    expect(seen).toEqual([]);
    await testPorts.clock.sleep(20);
    expect(seen).toEqual([kept, kept]);
  });

  test('a listener that throws is told of once and removed; the others go on', () => {
    const errors: unknown[] = [];
    const db = tradingDatabase({ onListenerError: (error) => errors.push(error) });
    fund(db);
    const seen: string[] = [];
    db.store.subscribe({}, () => {
      throw new Error('bad listener');
    });
    const stop = db.store.subscribe({}, (event) => seen.push(event.action));
    openLimit(db);
    expect(errors).toHaveLength(1);
    expect(seen).toEqual(['place', 'acknowledge']);
    stop();
    openLimit(db);
    expect(seen).toHaveLength(2);
  });

  test('other processes follow the audit rows', () => {
    const db = fundedDatabase();
    const last = db.store.changesSince(0).at(-1)?.seq ?? 0;
    const orderId = openLimit(db);
    expect(db.store.changesSince(last).map(({ action, entityId }) => [action, entityId])).toEqual([
      ['place', String(orderId)],
      ['acknowledge', String(orderId)],
    ]);
  });
});

describe('queries', () => {
  test('open orders come best price first', () => {
    const db = fundedDatabase();
    for (const [side, at] of [
      ['buy', 100],
      ['buy', 110],
      ['sell', 130],
      ['sell', 120],
    ] as const) {
      openLimit(db, { side, price: at });
    }
    const prices = db.store.open({ accountId: db.accountId, instrumentId: db.spot }).map((order) => order.price);
    expect(prices).toEqual([110, 100, 120, 130]);
    expect(db.store.open({ accountId: db.accountId, side: 'sell' }).map((order) => order.price)).toEqual([120, 130]);
  });

  test('history pages meet without gap or overlap', () => {
    const db = fundedDatabase();
    const ids = Array.from({ length: 7 }, () => openLimit(db));
    const seen: number[] = [];
    let page = db.store.history({ accountId: db.accountId, limit: 3 });
    for (;;) {
      seen.push(...page.items.map((order) => order.orderId));
      if (page.next === undefined) break;
      page = db.store.history({ accountId: db.accountId, limit: 3, before: page.next });
    }
    expect(seen).toEqual(ids.toReversed());
  });

  test('daily profit is exact', () => {
    const db = fundedDatabase();
    fillOrder(db, openLimit(db, { quantity: 100, price: 10_000, instrumentId: db.perp }), { fee: '0.05' });
    fillOrder(db, openLimit(db, { side: 'sell', quantity: 100, price: 11_000, instrumentId: db.perp }), {
      price: 11_000,
    });
    db.store.fund({ accountId: db.accountId, instrumentId: db.perp, dueUs: startUs, amount: '0.20' });
    expect(db.store.dailyProfit({ fromUs: 0, toUs: Number.MAX_SAFE_INTEGER })).toMatchObject([
      { day: '2023-11-14', realized: 1_000n, fees: 5n, funding: 20n, net: 1_015n },
    ]);
    expect(db.connection.value('SELECT net FROM v_daily_profit')).toBe(1_015);
  });

  test('a database without the schema is refused', () => {
    expect(errorOf(() => createOrderStore(openMemory(testPorts)))).toMatchObject({ code: 'schema_missing' });
  });
});

describe('market data', () => {
  test('candles are built from ticks, and a late tick corrects them', () => {
    const db = tradingDatabase();
    const tick = (second: number, at: number, units = 10) => ({
      instrumentId: db.spot,
      tsUs: startUs + second * 1_000_000,
      seq: 1,
      price: at,
      quantity: units,
    });
    db.store.ticks([tick(0, 100), tick(5, 120), tick(39, 90), tick(41, 95)]);
    const range = { instrumentId: db.spot, intervalS: 60, fromUs: startUs, toUs: startUs + 60_000_000 };
    expect(db.store.buildCandles(range)).toBe(2);
    db.store.ticks([tick(7, 150, 30)]);
    db.store.buildCandles(range);
    const candles = db.store.candles({ ...range, fromUs: startUs - 60_000_000 });
    expect(candles[0]).toMatchObject({ open: 100, high: 150, low: 90, close: 90, volume: 60, trades: 4 });
    expect(candles).toHaveLength(2);
  });
});
