import type { Connection } from '../../sqlite/connection.ts';
import type { Draw } from '../stream/draw.ts';
import type { Parameters, Scenario, ScenarioSession, ScenarioTransaction, SessionSettings } from './scenario.ts';
import { runTimed } from './statement-timing.ts';

/**
 * The reference transactions: what an order costs at the least, on three small tables of their own, so that they run
 * beside any schema and give figures that can be compared between databases and machines.
 */

const accounts = 1000;
const instruments = 50;
const preloadedOrders = 20_000;

const tables = `
CREATE TABLE loadtest_orders (
  id INTEGER PRIMARY KEY, client_id TEXT NOT NULL UNIQUE, account INTEGER NOT NULL, instrument INTEGER NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('buy', 'sell')), quantity INTEGER NOT NULL CHECK (quantity > 0),
  price INTEGER NOT NULL, status TEXT NOT NULL) STRICT;
CREATE INDEX loadtest_orders_by_account ON loadtest_orders (account, id);
CREATE TABLE loadtest_positions (
  account INTEGER NOT NULL, instrument INTEGER NOT NULL, quantity INTEGER NOT NULL,
  PRIMARY KEY (account, instrument)) STRICT, WITHOUT ROWID;
CREATE TABLE loadtest_fills (
  id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES loadtest_orders (id), quantity INTEGER NOT NULL,
  price INTEGER NOT NULL) STRICT;
CREATE INDEX loadtest_fills_by_order ON loadtest_fills (order_id);
`;

const insertOrder = `INSERT INTO loadtest_orders (client_id, account, instrument, side, quantity, price, status)
VALUES (:clientId, :account, :instrument, :side, :quantity, :price, 'filled')`;
const movePosition = `INSERT INTO loadtest_positions (account, instrument, quantity) VALUES (:account, :instrument, :delta)
ON CONFLICT (account, instrument) DO UPDATE SET quantity = quantity + excluded.quantity`;
const insertFill = 'INSERT INTO loadtest_fills (order_id, quantity, price) VALUES (:orderId, :quantity, :price)';
const readOrder = 'SELECT id, account, instrument, side, quantity, price, status FROM loadtest_orders WHERE id = :id';
const readPositions =
  'SELECT instrument, quantity FROM loadtest_positions WHERE account = :account ORDER BY instrument';

function order(draw: Draw): Parameters {
  const side = draw.uniform() < 0.5 ? 'buy' : 'sell';
  const quantity = 1 + draw.integer(100);
  return {
    account: 1 + draw.integer(accounts),
    instrument: draw.zipf(instruments, 0.99),
    side,
    quantity,
    price: 10_000 + draw.integer(5000),
    delta: side === 'buy' ? quantity : -quantity,
  };
}

const entry = {
  name: 'order-entry',
  statements: [insertOrder, movePosition, insertFill],
  parameters: order,
} as const;
const read = {
  name: 'order-read',
  statements: [readOrder],
  parameters: (draw: Draw): Parameters => ({ id: 1 + draw.integer(preloadedOrders) }),
} as const;
const positions = {
  name: 'positions',
  statements: [readPositions],
  parameters: (draw: Draw): Parameters => ({ account: 1 + draw.integer(accounts) }),
} as const;

function setup(connection: Connection): void {
  if (connection.value("SELECT 1 FROM sqlite_schema WHERE name = 'loadtest_orders'") !== undefined) return;
  connection.tx(() => {
    connection.exec(tables);
    for (let id = 1; id <= preloadedOrders; id++) {
      const account = 1 + (id % accounts);
      const instrument = 1 + (id % instruments);
      const values = { clientId: `base-${id}`, account, instrument, side: 'buy', quantity: 1, price: 10_000 };
      const orderId = connection.run(insertOrder, values).lastInsertRowid;
      connection.run(movePosition, { account, instrument, delta: 1 });
      connection.run(insertFill, { orderId, quantity: 1, price: 10_000 });
    }
  });
}

function makeScenario(name: string, transactions: readonly ScenarioTransaction[]): Scenario {
  return {
    name,
    transactions,
    setup,
    open: (connection, settings) => new OrderEntrySession(connection, settings, transactions),
  };
}

class OrderEntrySession implements ScenarioSession {
  readonly #connection: Connection;
  readonly #settings: SessionSettings;
  readonly #names: readonly string[];
  #orders = 0;

  constructor(connection: Connection, settings: SessionSettings, transactions: readonly ScenarioTransaction[]) {
    this.#connection = connection;
    this.#settings = settings;
    this.#names = transactions.map((transaction) => transaction.name);
  }

  run(type: number, parameters: Parameters): void {
    const connection = this.#connection;
    const name = this.#names[type];
    if (name === entry.name) {
      this.#orders += 1;
      const clientId = `${this.#settings.runId}-${this.#orders}`;
      connection.tx(() => this.#enter(type, { ...parameters, clientId }));
      return;
    }
    const sql = name === read.name ? readOrder : readPositions;
    // Closures are made only when a statement is timed: they cost a point read some percent.
    if (this.#settings.onStatement === undefined) connection.all(sql, parameters);
    else runTimed(this.#settings, connection, { type, statement: 0 }, () => connection.all(sql, parameters));
  }

  #enter(type: number, values: Parameters): void {
    const connection = this.#connection;
    const { quantity, price } = values as { quantity: number; price: number };
    if (this.#settings.onStatement === undefined) {
      const orderId = connection.run(insertOrder, values).lastInsertRowid;
      connection.run(movePosition, values);
      connection.run(insertFill, { orderId, quantity, price });
      return;
    }
    const step = <T>(statement: number, work: () => T): T =>
      runTimed(this.#settings, connection, { type, statement }, work);
    const orderId = step(0, () => connection.run(insertOrder, values).lastInsertRowid);
    step(1, () => connection.run(movePosition, values));
    step(2, () => connection.run(insertFill, { orderId, quantity, price }));
  }
}

/** The scenarios that need nothing of the database under test. */
export const orderEntryScenarios: readonly Scenario[] = [
  makeScenario('order-entry', [{ ...entry, weight: 1 }]),
  makeScenario('order-read', [{ ...read, weight: 1 }]),
  makeScenario('positions', [{ ...positions, weight: 1 }]),
  makeScenario('mixed', [
    { ...entry, weight: 30 },
    { ...read, weight: 50 },
    { ...positions, weight: 20 },
  ]),
];
