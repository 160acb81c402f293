import { describe, expect, test } from 'vitest';
import {
  brokenRules,
  errorOf,
  fillOrder,
  fundedDatabase,
  openLimit,
  price,
  quantity,
  startUs,
  tradingDatabase,
} from '../../support/trading-database.ts';

describe('place', () => {
  test('stores the order with its first event and holds the money', () => {
    const db = fundedDatabase();
    const orderId = openLimit(db, { price: 10_000, quantity: 100 });
    expect(db.store.order(orderId)).toMatchObject({ status: 'NEW', side: 'buy', leavesQuantity: 100, isOpen: true });
    expect(db.store.events(orderId).map((event) => event.execType)).toEqual(['PENDING_NEW', 'NEW']);
    // 100.00 x 0.0100 = 1.00, and a quarter of a percent for fees, rounded up.
    expect(db.store.balances(db.accountId).find((balance) => balance.asset === 'USD')?.held).toBe(101n);
    expect(brokenRules(db)).toEqual([]);
  });

  test('the same order again is the stored one; the same id with other content is refused', () => {
    const db = fundedDatabase();
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
    const db = fundedDatabase();
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
    const db = fundedDatabase();
    db.connection.run("UPDATE instruments SET status = 'halted'");
    expect(errorOf(() => openLimit(db))).toMatchObject({
      code: 'constraint_violation',
      message: 'instrument BTC-USD is halted',
    });
  });
});

describe('fill', () => {
  test('books order, event, fill, position, ledger and audit together', () => {
    const db = fundedDatabase();
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
    const db = fundedDatabase();
    const orderId = openLimit(db);
    const first = db.store.fill(orderId, { venueTradeId: 't', price: price(10_000), quantity: quantity(50) });
    const again = db.store.fill(orderId, { venueTradeId: 't', price: price(10_000), quantity: quantity(50) });
    expect(again).toMatchObject({ repeated: true, fillId: first.fillId });
    expect(db.connection.value('SELECT count(*) FROM fills')).toBe(1);
    const other = () => db.store.fill(orderId, { venueTradeId: 't', price: price(10_000), quantity: quantity(40) });
    expect(errorOf(other).code).toBe('duplicate_order');
  });

  test('a trade id of another order of the same side is refused, of the other side a self-trade', () => {
    const db = fundedDatabase();
    const buy = openLimit(db);
    const sameSide = openLimit(db);
    const sell = openLimit(db, { side: 'sell' });
    fillOrder(db, buy, { id: 'x' });
    expect(errorOf(() => fillOrder(db, sameSide, { id: 'x' })).code).toBe('duplicate_order');
    fillOrder(db, sell, { id: 'x' });
    expect(brokenRules(db)).toEqual([]);
  });

  test('refuses more than is left', () => {
    const db = fundedDatabase();
    const orderId = openLimit(db, { quantity: 100 });
    expect(errorOf(() => fillOrder(db, orderId, { quantity: 110 })).code).toBe('overfill');
  });

  test('a late fill within the tolerance enters a cancelled order, a later one does not', () => {
    const db = fundedDatabase();
    const orderId = openLimit(db);
    db.store.cancelled(orderId, startUs + 5_000_000);
    const late = (execUs: number) =>
      db.store.fill(orderId, { venueTradeId: `t${execUs}`, price: price(10_000), quantity: quantity(10), execUs });
    expect(late(startUs + 5_900_000).order.status).toBe('CANCELED');
    expect(errorOf(() => late(startUs + 6_100_000)).code).toBe('illegal_transition');
    expect(brokenRules(db, startUs + 10_000_000)).toEqual([]);
  });

  test('a flip through zero closes at average cost and opens the rest', () => {
    const db = fundedDatabase();
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
    const db = fundedDatabase();
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
    const db = fundedDatabase();
    const orderId = openLimit(db, { quantity: 100 });
    fillOrder(db, orderId, { quantity: 30 });
    const next = db.store.replace(orderId, { clientOrderId: 'next', price: price(10_005) });
    expect(next).toMatchObject({ status: 'NEW', quantity: 70, price: 10_005, replacesOrderId: orderId });
    expect(db.store.order(orderId)).toMatchObject({ status: 'REPLACED', leavesQuantity: 0 });
    expect(db.store.replace(orderId, { clientOrderId: 'next', price: price(10_005) })).toEqual(next);
    expect(brokenRules(db)).toEqual([]);
  });

  test('a replacement without the money leaves the old order as it was', () => {
    const db = fundedDatabase();
    const orderId = openLimit(db, { quantity: 100 });
    const tooMuch = () =>
      db.store.replace(orderId, { clientOrderId: 'n', price: price(1_000_000_000), quantity: quantity(1_000_000_000) });
    expect(errorOf(tooMuch).code).toBe('insufficient_balance');
    expect(db.store.order(orderId).status).toBe('NEW');
    expect(brokenRules(db)).toEqual([]);
  });
});
