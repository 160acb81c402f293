// Point reads: read() of 200 against autocommit, knex and C, on tmpfs.
// node bench/sqlite-layer/core-read.mjs
import Database from 'better-sqlite3';
import knex from 'knex';
import { openTradingDatabase } from '../../dist/index.js';
import { cContender } from './c-program.mjs';
import { interleave, loop, loopAsync, print, target } from './measure.mjs';
import { prepare, seededOrders, selectOrder } from './workload.mjs';

const { path } = prepare('memory', ['read']);
const batch = 200;

let k = 0;
const nextId = () => 1 + ((k++ * 7919) % seededOrders);

const raw = new Database(path('read'), { readonly: true });
const statement = raw.prepare(selectOrder);
const database = openTradingDatabase(path('read'), { durability: 'normal' });
const query = database.query(selectOrder);
const peer = knex({ client: 'better-sqlite3', connection: { filename: path('read') }, useNullAsDefault: true });
const builder = () => peer('orders').where('id', nextId()).first();
const c = cContender('read', path('read'));

const perRead = (/** @type {import('./measure.mjs').Sample} */ sample) => ({
  ...sample,
  operations: sample.operations * batch,
});
const results = await interleave(
  [
    { name: 'better-sqlite3 get(), autocommit', run: (ms) => loop(ms, 200, () => void statement.get(nextId())) },
    { name: 'tradedb query().get(), autocommit', run: (ms) => loop(ms, 200, () => void query.get([nextId()])) },
    {
      name: `tradedb read() of ${batch}`,
      run: (ms) =>
        perRead(
          loop(ms, 1, () =>
            database.read((r) => {
              for (let n = 0; n < batch; n++) r.get(selectOrder, [nextId()]);
            }),
          ),
        ),
    },
    {
      name: `better-sqlite3 BEGIN, ${batch} get(), COMMIT`,
      run: (ms) =>
        perRead(
          loop(ms, 1, () => {
            raw.exec('BEGIN');
            for (let n = 0; n < batch; n++) statement.get(nextId());
            raw.exec('COMMIT');
          }),
        ),
    },
    { name: 'knex builder', run: (ms) => loopAsync(ms, 20, builder) },
    { name: 'knex raw', run: (ms) => loopAsync(ms, 20, () => peer.raw(selectOrder, [nextId()])) },
    ...(c === undefined ? [] : [c]),
  ],
  { rounds: 45, sliceMs: 50 },
);
await peer.destroy();
print('point reads by primary key, tmpfs', results);

const of = (/** @type {string} */ name) => results.find((result) => result.name.startsWith(name));
const [auto, read, bareBatch, kx, native] = [
  of('tradedb query'),
  of('tradedb read()'),
  of('better-sqlite3 BEGIN'),
  of('knex raw'),
  of('C program'),
];
if (auto !== undefined && read !== undefined && bareBatch !== undefined && kx !== undefined) {
  target('read() of 200 over autocommit, rate', read.wallRatio / auto.wallRatio, '>=', 2);
  target('read() over knex raw, rate', read.wallRatio / kx.wallRatio, '>=', 15);
  target('query() over a bare get(), CPU', auto.cpuRatio, '<=', 1.05);
  target('read() over the same bare batch, CPU', read.cpuRatio / bareBatch.cpuRatio, '<=', 1.05);
  if (native === undefined) console.log('not run      over C: no C compiler or no amalgamation');
  else target('autocommit query() over C, CPU', auto.cpuRatio / native.cpuRatio, '<=', 1.5);
}
process.exit(0);
