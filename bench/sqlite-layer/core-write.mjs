// tx() against a hand-written better-sqlite3 loop, knex and C on the reference transaction, on tmpfs.
// node bench/sqlite-layer/core-write.mjs
import Database from 'better-sqlite3';
import knex from 'knex';
import { LatencyRecorder, openTradingDatabase } from '../../dist/index.js';
import { cContender } from './c-program.mjs';
import { interleave, loop, loopAsync, print, target } from './measure.mjs';
import { bareTransactions, insertFill, insertOrder, prepare, updatePosition, valuesOf } from './workload.mjs';

const { path } = prepare('memory', ['bare', 'again', 'tx', 'hook', 'knex', 'builder', 'c']);

/** @param {string} name */
function bare(name) {
  const database = new Database(path(name), { timeout: 0 });
  database.pragma('synchronous = NORMAL');
  database.pragma('wal_autocheckpoint = 10000');
  return bareTransactions(database);
}

// No idle checkpoint: it would run in the slices of a contender that lets the event loop turn.
const checkpoint = { minCommits: 1_000_000, walLimit: '100GB' };

/**
 * @param {string} name
 * @param {import('../../dist/index.js').DatabaseHook[]} hooks
 */
function layer(name, hooks) {
  const database = openTradingDatabase(path(name), { durability: 'normal', hooks, checkpoint });
  let k = 0;
  return () => {
    const values = valuesOf(k++);
    database.tx((t) => {
      const id = t.run(insertOrder, values.order).lastInsertRowid;
      t.run(updatePosition, values.position);
      t.run(insertFill, values.fill(id));
    });
  };
}

/** @param {string} name */
function openKnex(name) {
  return knex({
    client: 'better-sqlite3',
    connection: { filename: path(name) },
    useNullAsDefault: true,
    pool: {
      min: 1,
      max: 1,
      /** @param {Database.Database} raw @param {(error: null, raw: unknown) => void} done */
      afterCreate(raw, done) {
        raw.pragma('synchronous = NORMAL');
        raw.pragma('wal_autocheckpoint = 10000');
        done(null, raw);
      },
    },
  });
}

/** @param {number} k */
function named(k) {
  const { order, fill, position } = valuesOf(k);
  const [client_id, account_id, instrument_id, side, price, qty, created_us] = order;
  return {
    order: { client_id, account_id, instrument_id, side, price, qty, status: 1, created_us },
    key: { account_id, instrument_id },
    qty: position[0] ?? 0,
    cost: position[1] ?? 0,
    /** @param {number} order_id */
    fill(order_id) {
      const [, venue_id, fillPrice, fillQty, exec_us] = fill(order_id);
      return { order_id, venue_id, price: fillPrice, qty: fillQty, exec_us };
    },
  };
}

function knexBuilder() {
  const database = openKnex('builder');
  let k = 0;
  return () =>
    database.transaction(async (t) => {
      const values = named(k++);
      const [id] = await t('orders').insert(values.order);
      await t('positions')
        .where(values.key)
        .update({ qty: t.raw('qty + ?', values.qty), cost: t.raw('cost + ?', values.cost) });
      await t('fills').insert(values.fill(Number(id)));
    });
}

function knexRaw() {
  const database = openKnex('knex');
  let k = 0;
  return () =>
    database.transaction(async (t) => {
      const values = valuesOf(k++);
      const { lastInsertRowid: id } = await t.raw(insertOrder, values.order);
      await t.raw(updatePosition, values.position);
      await t.raw(insertFill, /** @type {string[]} */ (values.fill(id)));
    });
}

const steps = {
  bare: bare('bare'),
  again: bare('again'),
  tx: layer('tx', []),
  hook: layer('hook', [new LatencyRecorder()]),
};
const [raw, builder] = [knexRaw(), knexBuilder()];
const c = cContender('write', path('c'));
const results = await interleave(
  [
    { name: 'bare better-sqlite3 loop', run: (ms) => loop(ms, 50, steps.bare) },
    { name: 'the same again (noise)', run: (ms) => loop(ms, 50, steps.again) },
    { name: 'tradedb tx()', run: (ms) => loop(ms, 50, steps.tx) },
    { name: 'tradedb tx(), one latency hook', run: (ms) => loop(ms, 50, steps.hook) },
    { name: 'knex raw', run: (ms) => loopAsync(ms, 5, raw) },
    { name: 'knex builder', run: (ms) => loopAsync(ms, 5, builder) },
    ...(c === undefined ? [] : [c]),
  ],
  { rounds: 45, sliceMs: 60 },
);
print('reference transaction, tmpfs, synchronous NORMAL', results);

const of = (/** @type {string} */ name) => results.find((result) => result.name.includes(name));
const [tx, hook, kx, rawKx, native] = [
  of('tx()'),
  of('latency hook'),
  of('knex builder'),
  of('knex raw'),
  of('C program'),
];
if (tx !== undefined && hook !== undefined && kx !== undefined && rawKx !== undefined) {
  target('tx() over the bare loop, CPU', tx.cpuRatio, '<=', 1.02);
  target('tx() over the knex builder, rate', tx.wallRatio / kx.wallRatio, '>=', 7);
  target('tx() over knex raw, rate', tx.wallRatio / rawKx.wallRatio, '>=', 7);
  target('one hook over none, CPU', hook.cpuRatio / tx.cpuRatio, '<=', 1.02);
  if (native === undefined) console.log('not run      tx() over C: no C compiler or no amalgamation');
  else {
    target('tx() over C, CPU', tx.cpuRatio / native.cpuRatio, '<=', 1.25);
    target('tx() over C, rate', tx.wallRatio / native.wallRatio, '>=', 0.8);
  }
}
process.exit(0);
