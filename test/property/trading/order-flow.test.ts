import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TradedbError } from '../../../src/core/error.ts';
import { instrumentById } from '../../../src/core/trading/instrument.ts';
import { edges, type OrderStatus } from '../../../src/core/trading/order-state.ts';
import { holdOf } from '../../../src/core/trading/store/hold.ts';
import type { OrderRow } from '../../../src/core/trading/store/order-row.ts';
import {
  brokenRules,
  fund,
  openLimit,
  price,
  quantity,
  startUs,
  type TradingDatabase,
  tradingDatabase,
} from '../../support/trading-database.ts';
import {
  afterBust,
  afterFill,
  expected,
  filledOf,
  type Model,
  type ModelFill,
  type ModelOrder,
  type Report,
  reports,
  working,
} from './order-model.ts';

/**
 * Random order flow through the store against a small model of its own. The model knows, for each order, status and
 * fills, and says which calls must be refused; money is checked by sums that the store does not compute.
 */

type Operation =
  | {
      readonly do: 'place';
      readonly instrument: number;
      readonly isBuy: boolean;
      readonly price: number;
      readonly quantity: number;
      readonly initial: 'PENDING_NEW' | 'NEW' | 'REJECTED';
    }
  | {
      readonly do: 'fill';
      readonly order: number;
      readonly share: number;
      readonly fee: number;
      readonly isRepeated: boolean;
      readonly lateUs: number;
    }
  | { readonly do: 'bust'; readonly fill: number }
  | { readonly do: 'fund'; readonly amount: number }
  | { readonly do: Report | 'replace'; readonly order: number };

/** The error code of a call, or undefined when it went through; an unexpected error ends the test. */
function codeOf(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof TradedbError) return error.code;
    throw error;
  }
}

function move(model: Model, order: ModelOrder, to: OrderStatus, eventUs: number): void {
  model.reached.add(`${order.status}>${to}`);
  order.lastUs = Math.max(order.lastUs, eventUs);
  if ((to === 'CANCELED' || to === 'EXPIRED') && order.status !== to)
    order.endedUs = Math.min(order.endedUs, order.lastUs);
  order.status = to;
}

function apply(db: TradingDatabase, model: Model, operation: Operation): void {
  switch (operation.do) {
    case 'place':
      applyPlace(db, model, operation);
      break;
    case 'fill':
      applyFill(db, model, operation);
      break;
    case 'bust':
      applyBust(db, model, operation.fill);
      break;
    case 'fund': {
      const dueUs = startUs + model.reached.size + Number(model.funding % 1000n) + db.clock.us;
      db.store.fund({
        accountId: db.accountId,
        instrumentId: db.perp,
        dueUs: dueUs - 1_000_000_000_000_000,
        amount: BigInt(operation.amount),
      });
      model.funding += BigInt(operation.amount);
      break;
    }
    case 'replace':
      applyReplace(db, model, operation.order);
      break;
    default:
      applyReport(db, model, operation.do, operation.order);
      break;
  }
}

function applyPlace(db: TradingDatabase, model: Model, operation: Operation & { do: 'place' }): void {
  const instrument = [db.spot, db.perp, db.option][operation.instrument] ?? db.spot;
  const onSpot = instrument === db.spot;
  const at = onSpot ? operation.price * 5 : operation.price;
  const qty = onSpot ? operation.quantity * 10 : operation.quantity;
  const placed = db.store.place({
    accountId: db.accountId,
    instrumentId: instrument,
    clientOrderId: `c${model.orders.length}`,
    side: operation.isBuy ? 'buy' : 'sell',
    type: 'limit',
    price: price(at),
    quantity: quantity(qty),
    initial: operation.initial,
  });
  model.reached.add(`>${operation.initial}`);
  model.orders.push({
    id: placed.orderId,
    instrument,
    side: operation.isBuy ? 1 : -1,
    price: at,
    qty,
    status: operation.initial,
    lastUs: 0,
    endedUs: Number.POSITIVE_INFINITY,
  });
}

function applyReport(db: TradingDatabase, model: Model, report: Report, index: number): void {
  const order = model.orders[index % model.orders.length];
  if (order === undefined) return;
  const to = expected(report, order.status, filledOf(model, order));
  const nowUs = db.clock.us;
  const code = codeOf(() => {
    if (report === 'reject') db.store.reject(order.id, nowUs, 'test');
    else if (report === 'acknowledge') db.store.acknowledge(order.id, { venueOrderId: `v${order.id}`, eventUs: nowUs });
    else db.store[report](order.id, nowUs);
  });
  expect(code, `${report} of ${order.status}`).toBe(to === undefined ? 'illegal_transition' : undefined);
  if (to !== undefined && to !== order.status) move(model, order, to, nowUs);
}

function applyFill(db: TradingDatabase, model: Model, operation: Operation & { do: 'fill' }): void {
  const order = model.orders[operation.order % model.orders.length];
  if (order === undefined) return;
  const known = model.fills.find((fill) => fill.order === order);
  if (operation.isRepeated && known !== undefined) {
    const again = { venueTradeId: known.tradeId, price: price(known.price), quantity: quantity(known.qty) };
    expect(db.store.fill(order.id, again)).toMatchObject({ repeated: true, fillId: known.id });
    return;
  }
  const left = order.qty - filledOf(model, order);
  const lot = order.instrument === db.spot ? 10 : 1;
  const qty = Math.max(lot, Math.ceil((left * operation.share) / lot) * lot);
  const execUs = db.clock.us + operation.lateUs;
  const to = afterFill(order.status, qty === left);
  const isLate = (order.status === 'CANCELED' || order.status === 'EXPIRED') && execUs > order.endedUs + 1_000_000;
  const tradeId = `t${model.fills.length}`;
  const fee = { asset: 'USD', amount: BigInt(operation.fee) };
  const code = codeOf(() => {
    const done = db.store.fill(order.id, {
      venueTradeId: tradeId,
      price: price(order.price),
      quantity: quantity(qty),
      fee,
      execUs,
    });
    expect(done.repeated).toBe(false);
    model.fills.push({
      id: done.fillId,
      order,
      tradeId,
      qty,
      price: order.price,
      notional: done.notional,
      fee: operation.fee,
      busted: false,
    });
  });
  const wanted =
    to === undefined ? 'illegal_transition' : qty > left ? 'overfill' : isLate ? 'illegal_transition' : undefined;
  expect(code, `fill of ${order.status}`).toBe(wanted);
  if (wanted === undefined && to !== undefined) move(model, order, to, execUs);
}

function applyBust(db: TradingDatabase, model: Model, index: number): void {
  const fill = model.fills[index % model.fills.length];
  if (fill === undefined || fill.busted) return;
  const { order } = fill;
  const to = afterBust(order.status, filledOf(model, order) - fill.qty);
  const code = codeOf(() => db.store.bust(fill.id, 'test'));
  expect(code, `bust on ${order.status}`).toBe(to === undefined ? 'illegal_transition' : undefined);
  if (to === undefined) return;
  fill.busted = true;
  move(model, order, to, db.store.events(order.id).at(-1)?.eventUs ?? 0);
}

function applyReplace(db: TradingDatabase, model: Model, index: number): void {
  const order = model.orders[index % model.orders.length];
  if (order === undefined) return;
  const clientOrderId = `c${model.orders.length}`;
  const isLegal = [...working, 'PENDING_REPLACE'].includes(order.status);
  const code = codeOf(() => {
    const next = db.store.replace(order.id, { clientOrderId });
    model.reached.add('>NEW');
    model.orders.push({
      ...order,
      id: next.orderId,
      qty: next.quantity,
      status: 'NEW',
      // Its own events begin now, however late the last one of the order before it was.
      lastUs: 0,
      endedUs: Number.POSITIVE_INFINITY,
    });
  });
  expect(code, `replace of ${order.status}`).toBe(isLegal ? undefined : 'illegal_transition');
  if (isLegal) move(model, order, 'REPLACED', db.clock.us);
}

/** Sums that must hold whatever happened, computed from the model alone. */
function checkMoney(db: TradingDatabase, model: Model): void {
  for (const instrumentId of [db.spot, db.perp, db.option]) {
    const fills = model.fills.filter((fill) => !fill.busted && fill.order.instrument === instrumentId);
    const position = db.store.position(db.accountId, instrumentId);
    const sum = (value: (fill: ModelFill) => number): bigint =>
      fills.reduce((total, fill) => total + BigInt(value(fill)), 0n);
    expect(position.qty).toBe(sum((fill) => fill.order.side * fill.qty));
    expect(position.cost - position.realized).toBe(sum((fill) => fill.order.side * fill.notional));
  }
  const paid = model.fills
    .filter((fill) => !fill.busted)
    .reduce((total, fill) => {
      const onMargin = fill.order.instrument === db.perp;
      return total + BigInt(fill.fee) + (onMargin ? 0n : BigInt(fill.order.side * fill.notional));
    }, 0n);
  const realized = db.store.position(db.accountId, db.perp).realized;
  const usd = db.store.balances(db.accountId).find((balance) => balance.asset === 'USD');
  expect(usd?.amount).toBe(100_000_000_000n - paid + realized + model.funding);
  expect(usd?.held).toBe(heldOf(db));
}

function heldOf(db: TradingDatabase): bigint {
  let held = 0n;
  for (const row of db.connection.all<OrderRow>('SELECT * FROM orders WHERE is_open = 1 AND side = 1')) {
    held += holdOf(row, instrumentById(db.connection, row.instrument_id).data)?.amount ?? 0n;
  }
  return held;
}

const index = fc.nat({ max: 11 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('place' as const),
      instrument: fc.nat({ max: 2 }),
      isBuy: fc.boolean(),
      price: fc.integer({ min: 1, max: 5_000 }),
      quantity: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 1_000 })),
      initial: fc.constantFrom('PENDING_NEW' as const, 'PENDING_NEW' as const, 'NEW' as const, 'REJECTED' as const),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constant('fill' as const),
      order: index,
      share: fc.constantFrom(0, 0.3, 0.5, 1, 1.2),
      fee: fc.integer({ min: -3, max: 20 }),
      isRepeated: fc.boolean(),
      lateUs: fc.constantFrom(0, 0, 0, 500_000, 3_000_000),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom(...reports), order: index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('replace' as const), order: index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('bust' as const), fill: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fund' as const), amount: fc.integer({ min: 1, max: 500 }) }) },
);

const runs = Number(process.env.TRADEDB_PROPERTY_RUNS ?? 250);

describe('random order flow', () => {
  test('legal calls follow the model, illegal ones change nothing, and every rule holds afterwards', () => {
    const reached = new Set<string>();
    const flow = fc.property(fc.array(operation, { minLength: 5, maxLength: 60 }), (operations) => {
      const db = tradingDatabase();
      fund(db);
      const model: Model = { orders: [], fills: [], funding: 0n, reached };
      for (const one of operations) apply(db, model, one);
      for (const order of model.orders) expect(db.store.order(order.id).status).toBe(order.status);
      checkMoney(db, model);
      expect(brokenRules(db, db.clock.us + 10_000_000)).toEqual([]);
      db.connection.close();
    });
    fc.assert(flow, { numRuns: runs });
    // Which edges chance reaches differs by a few each time: it goes on until most were seen.
    for (let more = 0; more < 10 && reached.size <= 35; more++) fc.assert(flow, { numRuns: 50, seed: more });
    const legal = new Set(edges.map(([from, to]) => `${from}>${to}`));
    expect([...reached].filter((edge) => !legal.has(edge))).toEqual([]);
    expect(reached.size).toBeGreaterThan(35);
  });

  test('illegal calls leave no trace', () => {
    const db = tradingDatabase();
    fund(db);
    const orderId = openLimit(db);
    db.store.cancelled(orderId);
    const digest = () =>
      db.connection.all(
        'SELECT (SELECT count(*) FROM audit_log) AS audit, (SELECT count(*) FROM order_events) AS events, (SELECT sum(amount) FROM postings WHERE amount > 0) AS money, (SELECT sum(held) FROM balances) AS held',
      );
    const before = digest();
    for (const report of reports) {
      if (report === 'acknowledge') continue;
      const work = () => (report === 'reject' ? db.store.reject(orderId, undefined, 'x') : db.store[report](orderId));
      expect(codeOf(work), report).toBe('illegal_transition');
    }
    expect(digest()).toEqual(before);
  });
});
