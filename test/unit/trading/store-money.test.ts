import { describe, expect, test } from 'vitest';
import {
  brokenRules,
  errorOf,
  fillOrder,
  fundedDatabase,
  openLimit,
  startUs,
  tradingDatabase,
} from '../../support/trading-database.ts';

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
    const db = fundedDatabase();
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

describe('corporate events', () => {
  const exUs = startUs + 1_000;

  test('a split changes quantities, keeps cost, and survives the bust of an older fill', () => {
    const db = fundedDatabase();
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
    const db = fundedDatabase();
    fillOrder(db, openLimit(db, { quantity: 10, price: 1_000_000 }), { quantity: 10, price: 1_000_000 });
    db.store.corporate({ instrumentId: db.spot, kind: 'split', exUs, newUnits: 1, oldUnits: 1_000 });
    expect(db.store.position(db.accountId, db.spot)).toMatchObject({ qty: 0n, cost: 0n });
    expect(brokenRules(db)).toEqual([]);
  });

  test('a dividend pays who is long and costs who is short', () => {
    const db = fundedDatabase();
    fillOrder(db, openLimit(db, { instrumentId: db.perp, side: 'sell', quantity: 30 }), { quantity: 30 });
    const before = db.store.balances(db.accountId).find((balance) => balance.asset === 'USD')?.amount ?? 0n;
    db.store.corporate({ instrumentId: db.perp, kind: 'dividend', exUs, amount: '0.25', asset: 'USD' });
    const after = db.store.balances(db.accountId).find((balance) => balance.asset === 'USD')?.amount ?? 0n;
    expect(after - before).toBe(-750n);
    expect(brokenRules(db)).toEqual([]);
  });

  test('a delisted instrument takes no orders', () => {
    const db = fundedDatabase();
    db.store.corporate({ instrumentId: db.spot, kind: 'delisting', exUs });
    expect(errorOf(() => openLimit(db)).message).toBe('instrument BTC-USD is delisted');
  });
});
describe('ledger accounts', () => {
  test('one that a rolled-back transaction had made is not remembered', () => {
    const db = fundedDatabase();
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
