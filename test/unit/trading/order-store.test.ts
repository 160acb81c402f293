import { describe, expect, test } from 'vitest';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { createOrderStore } from '../../../src/core/trading/store/order-store.ts';
import type { StoreEvent } from '../../../src/core/trading/store/types.ts';
import { testPorts } from '../../support/context.ts';
import {
  brokenRules,
  fillOrder,
  fund,
  openLimit,
  price,
  quantity,
  startUs,
  tradingDatabase,
} from '../../support/trading-database.ts';

const errorOf = (work: () => unknown): { code?: string; message?: string } => {
  try {
    work();
  } catch (error) {
    return error as { code: string; message: string };
  }
  return {};
};

function funded() {
  const db = tradingDatabase();
  fund(db);
  return db;
}

describe('place', () => {
  test('stores the order with its first event and holds the money', () => {
    const db = funded();
    const orderId = openLimit(db, { price: 10_000, quantity: 100 });
    expect(db.store.order(orderId)).toMatchObject({ status: 'NEW', side: 'buy', leavesQuantity: 100, isOpen: true });
    expect(db.store.events(orderId).map((event) => event.execType)).toEqual(['PENDING_NEW', 'NEW']);
    // 100.00 x 0.0100 = 1.00, and a quarter of a percent for fees, rounded up.
    expect(db.store.balances(db.accountId).find((balance) => balance.asset === 'USD')?.held).toBe(101n);
    expect(brokenRules(db)).toEqual([]);
  });

  test('the same order again is the stored one; the same id with other content is refused', () => {
    const db = funded();
    const order = {
      accountId: db.accountId,
      instrumentId: db.spot,
      clientOrderId: 'a',
      side: 'buy',
      type: 'limit',
      price: price(100),
      quantity: quantity(100),
    } as const;
    const first = db.store.place(order);
    expect(db.store.place(order)).toEqual(first);
    expect(errorOf(() => db.store.place({ ...order, side: 'sell' }))).toMatchObject({ code: 'duplicate_order' });
    expect(db.connection.value('SELECT count(*) FROM orders')).toBe(1);
  });

  test.each([
    ['a price off the tick', { price: price(101) }, 'value_not_representable'],
    ['a quantity off the lot', { quantity: quantity(5) }, 'value_not_representable'],
    [
      'a notional beyond 2^53',
      { price: price(9_000_000_000_000_000), quantity: quantity(1_000_000) },
      'value_not_representable',
    ],
    ['an unknown instrument', { instrumentId: 99 }, 'unknown_instrument'],
    ['an unknown account', { accountId: 99 }, 'constraint_violation'],
    [
      'money that is not there',
      { price: price(10_000_000), quantity: quantity(10_000_000_000) },
      'insufficient_balance',
    ],
    ['coins that are not there', { side: 'sell', quantity: quantity(100_000_000_000) }, 'insufficient_balance'],
    ['a limit order without price', { price: undefined }, 'constraint_violation'],
  ] as const)('refuses %s and changes nothing', (_, change, code) => {
    const db = funded();
    const before = db.connection.value('SELECT count(*) FROM audit_log');
    const order = {
      accountId: db.accountId,
      instrumentId: db.spot,
      clientOrderId: 'a',
      side: 'buy',
      type: 'limit',
      price: price(100),
      quantity: quantity(100),
      ...change,
    } as Parameters<typeof db.store.place>[0];
    expect(errorOf(() => db.store.place(order)).code).toBe(code);
    expect(db.connection.value('SELECT count(*) FROM orders')).toBe(0);
    expect(db.connection.value('SELECT count(*) FROM audit_log')).toBe(before);
  });

  test('refuses a halted instrument', () => {
    const db = funded();
    db.connection.run("UPDATE instruments SET status = 'halted'");
    expect(errorOf(() => openLimit(db))).toMatchObject({
      code: 'constraint_violation',
      message: 'instrument BTC-USD is halted',
    });
  });
});

describe('fill', () => {
  test('books order, event, fill, position, ledger and audit together', () => {
    const db = funded();
    const orderId = openLimit(db, { price: 10_000, quantity: 100 });
    const fillId = fillOrder(db, orderId, { quantity: 40, fee: '0.01' });
    expect(db.store.order(orderId)).toMatchObject({
      status: 'PARTIALLY_FILLED',
      filledQuantity: 40,
      filledNotional: 40,
    });
    fillOrder(db, orderId, { quantity: 60, price: 9_995 });
    expect(db.store.order(orderId)).toMatchObject({ status: 'FILLED', leavesQuantity: 0 });
    expect(db.store.position(db.accountId, db.spot)).toMatchObject({ qty: 100n, cost: 100n, realized: 0n });
    expect(db.connection.all('SELECT kind FROM journal WHERE fill_id = ?', [fillId])).toEqual([{ kind: 'fill' }]);
    const usd = db.store.balances(db.accountId).find((balance) => balance.asset === 'USD');
    expect(usd).toMatchObject({ amount: 100_000_000_000n - 100n - 1n, held: 0n });
    expect(brokenRules(db)).toEqual([]);
  });

  test('a repeated trade id writes nothing; with other content it is refused', () => {
    const db = funded();
    const orderId = openLimit(db);
    const first = db.store.fill(orderId, { venueTradeId: 't', price: price(10_000), quantity: quantity(50) });
    const again = db.store.fill(orderId, { venueTradeId: 't', price: price(10_000), quantity: quantity(50) });
    expect(again).toMatchObject({ repeated: true, fillId: first.fillId });
    expect(db.connection.value('SELECT count(*) FROM fills')).toBe(1);
    const other = () => db.store.fill(orderId, { venueTradeId: 't', price: price(10_000), quantity: quantity(40) });
    expect(errorOf(other).code).toBe('duplicate_order');
  });

  test('a trade id of another order of the same side is refused, of the other side a self-trade', () => {
    const db = funded();
    const buy = openLimit(db);
    const sameSide = openLimit(db);
    const sell = openLimit(db, { side: 'sell' });
    fillOrder(db, buy, { id: 'x' });
    expect(errorOf(() => fillOrder(db, sameSide, { id: 'x' })).code).toBe('duplicate_order');
    fillOrder(db, sell, { id: 'x' });
    expect(brokenRules(db)).toEqual([]);
  });

  test('refuses more than is left', () => {
    const db = funded();
    const orderId = openLimit(db, { quantity: 100 });
    expect(errorOf(() => fillOrder(db, orderId, { quantity: 110 })).code).toBe('overfill');
  });

  test('a late fill within the tolerance enters a cancelled order, a later one does not', () => {
    const db = funded();
    const orderId = openLimit(db);
    db.store.cancelled(orderId, startUs + 5_000_000);
    const late = (execUs: number) =>
      db.store.fill(orderId, { venueTradeId: `t${execUs}`, price: price(10_000), quantity: quantity(10), execUs });
    expect(late(startUs + 5_900_000).order.status).toBe('CANCELED');
    expect(errorOf(() => late(startUs + 6_100_000)).code).toBe('illegal_transition');
    expect(brokenRules(db, startUs + 10_000_000)).toEqual([]);
  });

  test('a flip through zero closes at average cost and opens the rest', () => {
    const db = funded();
    fillOrder(db, openLimit(db, { quantity: 100, price: 10_000, instrumentId: db.perp }), {
      quantity: 100,
      price: 10_000,
    });
    fillOrder(db, openLimit(db, { side: 'sell', quantity: 150, price: 11_000, instrumentId: db.perp }), {
      quantity: 150,
      price: 11_000,
    });
    // 100 contracts of 0.001 at 1000.0 cost 100.00; closed at 1100.0 they bring 110.00.
    expect(db.store.position(db.accountId, db.perp)).toMatchObject({ qty: -50n, cost: -5_500n, realized: 1_000n });
    expect(brokenRules(db)).toEqual([]);
  });

  test('money that the ledger cannot know of is booked anyway, and rule I16 tells', () => {
    const db = tradingDatabase();
    db.store.deposit({ accountId: db.accountId, asset: 'USD', amount: '10.00' });
    const orderId = db.store.place({
      accountId: db.accountId,
      instrumentId: db.spot,
      clientOrderId: 'm',
      side: 'buy',
      type: 'market',
      quantity: quantity(10_000),
    }).orderId;
    fillOrder(db, orderId, { quantity: 10_000 });
    expect(brokenRules(db).map((rule) => rule.id)).toEqual(['I16']);
  });
});

describe('bust', () => {
  test('takes the fill back, books later ones anew and adjusts what they realized', () => {
    const db = funded();
    const bought = (units: number, at: number) =>
      fillOrder(db, openLimit(db, { quantity: units, price: at, instrumentId: db.perp }), {
        quantity: units,
        price: at,
      });
    const first = bought(100, 10_000);
    bought(100, 20_000);
    const sold = openLimit(db, { side: 'sell', quantity: 100, price: 15_000, instrumentId: db.perp });
    const soldFill = fillOrder(db, sold, { quantity: 100, price: 15_000 });
    expect(db.store.position(db.accountId, db.perp).realized).toBe(0n);
    db.store.bust(first, 'wrong price');
    // Without the cheap purchase the sale closes the dear one: 150.00 against 200.00.
    expect(db.store.position(db.accountId, db.perp)).toMatchObject({ qty: 0n, cost: 0n, realized: -5_000n });
    expect(db.connection.value('SELECT realized FROM fills WHERE fill_id = ?', [soldFill])).toBe(-5_000);
    expect(db.connection.value("SELECT count(*) FROM journal WHERE kind = 'adjust'")).toBe(1);
    expect(brokenRules(db)).toEqual([]);
    db.store.bust(first, 'again');
    expect(db.connection.value("SELECT count(*) FROM journal WHERE kind = 'bust'")).toBe(1);
  });
});

describe('replace', () => {
  test('closes the old order and opens the new one; repeating it changes nothing', () => {
    const db = funded();
    const orderId = openLimit(db, { quantity: 100 });
    fillOrder(db, orderId, { quantity: 30 });
    const next = db.store.replace(orderId, { clientOrderId: 'next', price: price(10_005) });
    expect(next).toMatchObject({ status: 'NEW', quantity: 70, price: 10_005, replacesOrderId: orderId });
    expect(db.store.order(orderId)).toMatchObject({ status: 'REPLACED', leavesQuantity: 0 });
    expect(db.store.replace(orderId, { clientOrderId: 'next', price: price(10_005) })).toEqual(next);
    expect(brokenRules(db)).toEqual([]);
  });

  test('a replacement without the money leaves the old order as it was', () => {
    const db = funded();
    const orderId = openLimit(db, { quantity: 100 });
    const tooMuch = () =>
      db.store.replace(orderId, { clientOrderId: 'n', price: price(1_000_000_000), quantity: quantity(1_000_000_000) });
    expect(errorOf(tooMuch).code).toBe('insufficient_balance');
    expect(db.store.order(orderId).status).toBe('NEW');
    expect(brokenRules(db)).toEqual([]);
  });
});

describe('money', () => {
  test('a withdrawal needs free cash', () => {
    const db = tradingDatabase();
    db.store.deposit({ accountId: db.accountId, asset: 'USD', amount: '100.00' });
    openLimit(db, { price: 10_000, quantity: 5_000 });
    expect(errorOf(() => db.store.withdraw({ accountId: db.accountId, asset: 'USD', amount: '60.00' })).code).toBe(
      'insufficient_balance',
    );
    db.store.withdraw({ accountId: db.accountId, asset: 'USD', amount: '40.00' });
    expect(brokenRules(db)).toEqual([]);
  });

  test('funding is booked once', () => {
    const db = funded();
    const payment = {
      accountId: db.accountId,
      instrumentId: db.perp,
      dueUs: startUs,
      amount: '-1.25',
      rateE9: 100_000,
    };
    const id = db.store.fund(payment);
    expect(db.store.fund(payment)).toBe(id);
    expect(errorOf(() => db.store.fund({ ...payment, amount: '2' })).code).toBe('duplicate_order');
    expect(brokenRules(db)).toEqual([]);
  });

  test('amounts that do not fit the scale are refused', () => {
    const db = tradingDatabase();
    const deposit = (amount: string) => () => db.store.deposit({ accountId: db.accountId, asset: 'USD', amount });
    for (const amount of ['0.001', '-1', '0', '1e5', '', ' 1']) {
      expect(errorOf(deposit(amount)).code, amount).toBe('value_not_representable');
    }
  });
});

describe('events', () => {
  test('arrive after the commit, in order, and never from what was rolled back', () => {
    const db = funded();
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
    const db = funded();
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
    const db = funded();
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
    const db = funded();
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
    const db = funded();
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
    const db = funded();
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

describe('ledger accounts', () => {
  test('one that a rolled-back transaction had made is not remembered', () => {
    const db = funded();
    const perpOrder = openLimit(db, { instrumentId: db.perp });
    const undone = () =>
      db.store.transaction(() => {
        fillOrder(db, perpOrder, { quantity: 40, id: 'x' });
        fillOrder(db, perpOrder, { quantity: 10, id: 'y' });
        throw new Error('undo');
      });
    expect(undone).toThrow('undo');
    expect(() =>
      db.connection.tx(() => {
        fillOrder(db, perpOrder, { quantity: 40, id: 'x' });
        fillOrder(db, perpOrder, { quantity: 10, id: 'y' });
        throw new Error('undo');
      }),
    ).toThrow('undo');
    db.store.deposit({ accountId: db.otherAccountId, asset: 'USD', amount: '5' });
    fillOrder(db, perpOrder, { quantity: 100, id: 'x' });
    expect(brokenRules(db)).toEqual([]);
  });
});

describe('corporate events', () => {
  const exUs = startUs + 1_000;

  test('a split changes quantities, keeps cost, and survives the bust of an older fill', () => {
    const db = funded();
    const first = fillOrder(db, openLimit(db, { quantity: 100 }), { quantity: 100 });
    fillOrder(db, openLimit(db, { quantity: 50, price: 20_000 }), { quantity: 50, price: 20_000 });
    const event = { instrumentId: db.spot, kind: 'split', exUs, newUnits: 3, oldUnits: 1 } as const;
    const id = db.store.corporate(event);
    expect(db.store.corporate(event)).toBe(id);
    expect(db.store.position(db.accountId, db.spot)).toMatchObject({ qty: 450n, cost: 200n, realized: 0n });
    expect(brokenRules(db)).toEqual([]);
    fillOrder(db, openLimit(db, { side: 'sell', quantity: 150, price: 5_000 }), { quantity: 150, price: 5_000 });
    expect(brokenRules(db)).toEqual([]);
    db.store.bust(first, 'test');
    expect(db.store.position(db.accountId, db.spot).qty).toBe(200n);
    expect(brokenRules(db)).toEqual([]);
  });

  test('a reverse split of a tiny position leaves nothing, also no cost', () => {
    const db = funded();
    fillOrder(db, openLimit(db, { quantity: 10, price: 1_000_000 }), { quantity: 10, price: 1_000_000 });
    db.store.corporate({ instrumentId: db.spot, kind: 'split', exUs, newUnits: 1, oldUnits: 1_000 });
    expect(db.store.position(db.accountId, db.spot)).toMatchObject({ qty: 0n, cost: 0n });
    expect(brokenRules(db)).toEqual([]);
  });

  test('a dividend pays who is long and costs who is short', () => {
    const db = funded();
    fillOrder(db, openLimit(db, { instrumentId: db.perp, side: 'sell', quantity: 30 }), { quantity: 30 });
    const before = db.store.balances(db.accountId).find((balance) => balance.asset === 'USD')?.amount ?? 0n;
    db.store.corporate({ instrumentId: db.perp, kind: 'dividend', exUs, amount: '0.25', asset: 'USD' });
    const after = db.store.balances(db.accountId).find((balance) => balance.asset === 'USD')?.amount ?? 0n;
    expect(after - before).toBe(-750n);
    expect(brokenRules(db)).toEqual([]);
  });

  test('a delisted instrument takes no orders', () => {
    const db = funded();
    db.store.corporate({ instrumentId: db.spot, kind: 'delisting', exUs });
    expect(errorOf(() => openLimit(db)).message).toBe('instrument BTC-USD is delisted');
  });
});
