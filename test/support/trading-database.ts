import { type Connection, openMemory } from '../../src/core/sqlite/connection.ts';
import { applyReferenceSchema } from '../../src/core/trading/reference-schema.ts';
import { type RuleResult, runRules } from '../../src/core/trading/rule/run-rules.ts';
import { createOrderStore, type OrderStore } from '../../src/core/trading/store/order-store.ts';
import {
  ensureAccount,
  ensureAsset,
  ensureInstrument,
  ensureStrategy,
  ensureVenue,
} from '../../src/core/trading/store/reference-data.ts';
import type { StoreOptions } from '../../src/core/trading/store/session.ts';
import type { Price, Quantity } from '../../src/core/trading/units.ts';
import { testPorts } from './context.ts';

export const startUs = 1_700_000_000_000_000;

/** A small market in memory: one account, a spot pair, a perpetual with a contract size, an option; 1 ms per look at the time. */
export interface TradingDatabase {
  readonly connection: Connection;
  readonly store: OrderStore;
  readonly accountId: number;
  readonly otherAccountId: number;
  readonly strategyId: number;
  readonly spot: number;
  readonly perp: number;
  readonly option: number;
  readonly clock: { us: number };
}

export function tradingDatabase(options: StoreOptions = {}): TradingDatabase {
  const connection = openMemory(testPorts);
  connection.pragma('foreign_keys = 1');
  applyReferenceSchema(connection);
  const usd = ensureAsset(connection, 'USD', 2);
  const btc = ensureAsset(connection, 'BTC', 8);
  const venueId = ensureVenue(connection, 'SIM', true);
  const pair = { venueId, baseAssetId: btc, quoteAssetId: usd };
  const spot = ensureInstrument(connection, {
    ...pair,
    symbol: 'BTC-USD',
    kind: 'spot',
    priceScale: 2,
    qtyScale: 4,
    tickSize: 5,
    lotSize: 10,
  });
  const perp = ensureInstrument(connection, {
    ...pair,
    symbol: 'BTC-PERP',
    kind: 'perp',
    priceScale: 1,
    qtyScale: 0,
    contractSize: 1,
    contractScale: 3,
  });
  const option = ensureInstrument(connection, { ...pair, symbol: 'BTC-C', kind: 'option', priceScale: 2, qtyScale: 1 });
  const accountId = ensureAccount(connection, { venueId, name: 'main', mode: 'paper' });
  const otherAccountId = ensureAccount(connection, { venueId, name: 'other', mode: 'paper' });
  const strategyId = ensureStrategy(connection, 'test', '1');
  const clock = { us: startUs };
  const nowUs = (): number => {
    clock.us += 1000;
    return clock.us;
  };
  const store = createOrderStore(connection, { nowUs, ...options });
  return { connection, store, accountId, otherAccountId, strategyId, spot, perp, option, clock };
}

export const price = (units: number): Price => units as Price;
export const quantity = (units: number): Quantity => units as Quantity;

/** Gives the main account money and coins enough for any test. */
export function fund({ store, accountId }: TradingDatabase): void {
  store.deposit({ accountId, asset: 'USD', amount: '1000000000.00' });
  store.deposit({ accountId, asset: 'BTC', amount: '1000000' });
}

let orders = 0;

/** Places and acknowledges a limit order. */
export function openLimit(
  db: TradingDatabase,
  order: { side?: 'buy' | 'sell'; price?: number; quantity?: number; instrumentId?: number; id?: string } = {},
): number {
  const placed = db.store.place({
    accountId: db.accountId,
    instrumentId: order.instrumentId ?? db.spot,
    clientOrderId: order.id ?? `order-${orders++}`,
    side: order.side ?? 'buy',
    type: 'limit',
    price: price(order.price ?? 10_000),
    quantity: quantity(order.quantity ?? 100),
  });
  db.store.acknowledge(placed.orderId, { venueOrderId: `v${placed.orderId}` });
  return placed.orderId;
}

let trades = 0;

export function fillOrder(
  db: TradingDatabase,
  orderId: number,
  execution: { price?: number; quantity?: number; id?: string; fee?: string } = {},
): number {
  return db.store.fill(orderId, {
    venueTradeId: execution.id ?? `trade-${trades++}`,
    price: price(execution.price ?? 10_000),
    quantity: quantity(execution.quantity ?? 100),
    ...(execution.fee === undefined ? {} : { fee: { asset: 'USD', amount: execution.fee } }),
  }).fillId;
}

/** Results of all rules that are not silent. */
export function brokenRules(db: TradingDatabase, nowUs = db.clock.us): RuleResult[] {
  return runRules(db.connection, { nowUs, tolUs: 1_000_000, staleUs: 86_400_000_000 }).filter(
    (result) => result.status !== 'ok',
  );
}

/** A market whose main account has money and coins enough. */
export function fundedDatabase(options: StoreOptions = {}): TradingDatabase {
  const db = tradingDatabase(options);
  fund(db);
  return db;
}

/** What a call threw; empty when it went through. */
export function errorOf(work: () => unknown): { code?: string; message?: string } {
  try {
    work();
  } catch (error) {
    return error as { code: string; message: string };
  }
  return {};
}
