// tx() against a hand-written better-sqlite3 loop, knex and C on the reference transaction, on tmpfs.
// node bench/sqlite-layer/core-write.mjs
import Database from 'better-sqlite3';
import knex from 'knex';
import { LatencyRecorder, openTradingDatabase } from '../../dist/index.js';
import { cContender } from './c-program.mjs';
import { interleave, loop, loopAsync, print, target } from './measure.mjs';
import { insertFill, insertOrder, prepare, updatePosition, valuesOf } from './workload.mjs';

const { path } = prepare('memory', ['bare', 'again', 'tx', 'hook', 'knex', 'c']);

/** @param {string} name */
function bare(name) {
  const database = new Database(path(name), { timeout: 0 });
  database.pragma('synchronous = NORMAL');
  database.pragma('wal_autocheckpoint = 10000');
  const [begin, order, position, fill, commit] = ['BEGIN IMMEDIATE', insertOrder, updatePosition, insertFill, 'COMMIT'].map(
    (sql) => database.prepare(sql),
  );
  let k = 0;
  return () => {
    const values = valuesOf(k++);
    begin?.run();
    const id = order?.run(values.order).lastInsertRowid ?? 0;
    position?.run(values.position);
    fill?.run(values.fill(id));
    commit?.run();
  };
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

function throughKnex() {
  const database = knex({
    client: 'better-sqlite3',
    connection: { filename: path('knex') },
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
  let k = 0;
  const step = () =>
    database.transaction(async (t) => {
      const values = valuesOf(k++);
      const { lastInsertRowid: id } = await t.raw(insertOrder, values.order);
      await t.raw(updatePosition, values.position);
      await t.raw(insertFill, /** @type {string[]} */ (values.fill(id)));
    });
  return { step, close: () => database.destroy() };
}

const steps = { bare: bare('bare'), again: bare('again'), tx: layer('tx', []), hook: layer('hook', [new LatencyRecorder()]) };
const peer = throughKnex();
const c = cContender('write', path('c'));
const results = await interleave(
  [
    { name: 'bare better-sqlite3 loop', run: (ms) => loop(ms, 50, steps.bare) },
    { name: 'the same again (noise)', run: (ms) => loop(ms, 50, steps.again) },
    { name: 'tradedb tx()', run: (ms) => loop(ms, 50, steps.tx) },
    { name: 'tradedb tx(), one latency hook', run: (ms) => loop(ms, 50, steps.hook) },
    { name: 'knex raw', run: (ms) => loopAsync(ms, 5, peer.step) },
    ...(c === undefined ? [] : [c]),
  ],
  { rounds: 45, sliceMs: 60 },
);
await peer.close();
print('reference transaction, tmpfs, synchronous NORMAL', results);

const of = (/** @type {string} */ name) => results.find((result) => result.name.includes(name));
const [tx, hook, kx, native] = [of('tx()'), of('latency hook'), of('knex'), of('C program')];
if (tx !== undefined && hook !== undefined && kx !== undefined) {
  target('tx() over the bare loop, CPU', tx.cpuRatio, '<=', 1.02);
  target('tx() over knex, rate', tx.wallRatio / kx.wallRatio, '>=', 7);
  target('one hook over none, CPU', hook.cpuRatio / tx.cpuRatio, '<=', 1.02);
  if (native === undefined) console.log('not run      tx() over C: no C compiler or no amalgamation');
  else {
    target('tx() over C, CPU', tx.cpuRatio / native.cpuRatio, '<=', 1.25);
    target('tx() over C, rate', tx.wallRatio / native.wallRatio, '>=', 0.8);
  }
}
process.exit(0);
