// The database and the reference transaction of all benches here: 200,000 orders and fills, 20,000 positions, seven
// indexes, foreign keys on (35 MB); BEGIN IMMEDIATE, INSERT order, UPDATE position, INSERT fill, COMMIT.
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';

export const accounts = 200;
export const instruments = 100;
export const seededOrders = 200_000;

export const insertOrder = `INSERT INTO orders (client_id, account_id, instrument_id, side, price, qty, status, created_us)
  VALUES (?, ?, ?, ?, ?, ?, 1, ?)`;
export const updatePosition =
  'UPDATE positions SET qty = qty + ?, cost = cost + ? WHERE account_id = ? AND instrument_id = ?';
export const insertFill = 'INSERT INTO fills (order_id, venue_id, price, qty, exec_us) VALUES (?, ?, ?, ?, ?)';
export const selectOrder = 'SELECT * FROM orders WHERE id = ?';

const schema = `
  CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
  CREATE TABLE instruments (id INTEGER PRIMARY KEY, symbol TEXT NOT NULL);
  CREATE TABLE orders (id INTEGER PRIMARY KEY, client_id TEXT NOT NULL UNIQUE, account_id INTEGER NOT NULL REFERENCES accounts,
    instrument_id INTEGER NOT NULL REFERENCES instruments, side INTEGER NOT NULL, price INTEGER NOT NULL, qty INTEGER NOT NULL,
    status INTEGER NOT NULL, created_us INTEGER NOT NULL);
  CREATE TABLE fills (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders, venue_id TEXT NOT NULL UNIQUE,
    price INTEGER NOT NULL, qty INTEGER NOT NULL, exec_us INTEGER NOT NULL);
  CREATE TABLE positions (account_id INTEGER NOT NULL REFERENCES accounts, instrument_id INTEGER NOT NULL REFERENCES instruments,
    qty INTEGER NOT NULL, cost INTEGER NOT NULL, PRIMARY KEY (account_id, instrument_id)) WITHOUT ROWID;
  CREATE INDEX orders_account ON orders (account_id, created_us);
  CREATE INDEX orders_instrument ON orders (instrument_id, created_us);
  CREATE INDEX orders_open ON orders (status) WHERE status = 0;
  CREATE INDEX fills_order ON fills (order_id);
  CREATE INDEX fills_time ON fills (exec_us);`;

/**
 * The values of transaction `k` of one contender: the same for every contender.
 * @param {number} k
 */
export function valuesOf(k) {
  const account = 1 + ((k * 7919) % accounts);
  const instrument = 1 + ((k * 104_729) % instruments);
  const price = 10_000 + (k % 500);
  return {
    order: [`c${k}`, account, instrument, k % 2 ? 1 : -1, price, 10, 1_700_000_000_000_000 + k],
    position: [10, price * 10, account, instrument],
    /** @param {number | bigint} orderId @returns {(string | number | bigint)[]} */
    fill: (orderId) => [orderId, `v${k}`, price, 10, 1_700_000_000_000_000 + k],
  };
}

/** @param {string} path */
function make(path) {
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = OFF');
  database.exec(schema);
  database.transaction(() => {
    const account = database.prepare('INSERT INTO accounts VALUES (?, ?)');
    for (let id = 1; id <= accounts; id++) account.run(id, `account ${id}`);
    const instrument = database.prepare('INSERT INTO instruments VALUES (?, ?)');
    for (let id = 1; id <= instruments; id++) instrument.run(id, `S${id}`);
    const position = database.prepare('INSERT INTO positions VALUES (?, ?, 0, 0)');
    for (let a = 1; a <= accounts; a++) for (let i = 1; i <= instruments; i++) position.run(a, i);
    const order = database.prepare(insertOrder);
    const fill = database.prepare(insertFill);
    for (let k = -seededOrders; k < 0; k++) {
      const { order: values, fill: fillOf } = valuesOf(-k);
      const id = order.run(`s${-k}`, ...values.slice(1)).lastInsertRowid;
      fill.run(id, `s${-k}`, ...fillOf(id).slice(2));
    }
  })();
  database.exec('ANALYZE');
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
}

/**
 * A folder with one copy of the database per contender; removed when the program ends.
 * @param {'memory' | 'disk'} kind `memory` is tmpfs where there is one
 * @param {readonly string[]} names
 */
export function prepare(kind, names) {
  const parent = kind === 'memory' && existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const folder = mkdtempSync(join(parent, 'tradedb-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => process.exit(1));
  const base = join(folder, 'base.db');
  make(base);
  const path = (/** @type {string} */ name) => join(folder, `${name}.db`);
  for (const name of names) copyFileSync(base, path(name));
  return { folder, base, path };
}

/**
 * The reference transaction by hand on a connection of the driver: what the layer is compared with. Each call runs one.
 * @param {import('better-sqlite3').Database} database
 * @param {number} [first] number of the first one; each writer of a file needs its own
 */
export function bareTransactions(database, first = 0) {
  const [begin, order, position, fill, commit] = [
    'BEGIN IMMEDIATE',
    insertOrder,
    updatePosition,
    insertFill,
    'COMMIT',
  ].map((sql) => database.prepare(sql));
  let k = first;
  return () => {
    const values = valuesOf(k++);
    begin?.run();
    const id = order?.run(values.order).lastInsertRowid ?? 0;
    position?.run(values.position);
    fill?.run(values.fill(id));
    commit?.run();
  };
}
