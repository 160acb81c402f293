// enqueue() in groups of 1, 10 and 100 against one commit each, synchronous FULL, on the disk of the temporary folder.
// node bench/sqlite-layer/group-commit.mjs
import Database from 'better-sqlite3';
import { openTradingDatabase } from '../../dist/index.js';
import { interleave, loop, loopAsync, print, target } from './measure.mjs';
import { bareTransactions, insertFill, insertOrder, prepare, updatePosition, valuesOf } from './workload.mjs';

const sizes = [1, 10, 100];
const { path } = prepare('disk', ['bare', 'tx', ...sizes.map((size) => `group${size}`)]);
const checkpoint = { minCommits: 1_000_000, walLimit: '100GB' };

/** @param {import('../../dist/index.js').Connection} t @param {number} k */
function perform(t, k) {
  const values = valuesOf(k);
  const id = t.run(insertOrder, values.order).lastInsertRowid;
  t.run(updatePosition, values.position);
  t.run(insertFill, values.fill(id));
}

function bare() {
  const database = new Database(path('bare'), { timeout: 0 });
  database.pragma('synchronous = FULL');
  database.pragma('wal_autocheckpoint = 10000');
  return bareTransactions(database);
}

function single() {
  const database = openTradingDatabase(path('tx'), { durability: 'full', checkpoint });
  let k = 0;
  return () => database.tx((t) => perform(t, k++));
}

/** One in fifty operations repeats a client id and must fail alone. @param {number} size */
function grouped(size) {
  const database = openTradingDatabase(path(`group${size}`), {
    durability: 'full',
    checkpoint,
    groupCommit: { maxOperations: size },
  });
  let k = 0;
  return () =>
    Promise.allSettled(
      Array.from({ length: size }, () => {
        const own = k++;
        return database.enqueue((t) => perform(t, own % 50 === 49 ? own - 1 : own));
      }),
    );
}

const one = bare();
const tx = single();
const results = await interleave(
  [
    { name: 'bare better-sqlite3, 1 per commit', run: (ms) => loop(ms, 1, one) },
    { name: 'tradedb tx()', run: (ms) => loop(ms, 1, tx) },
    ...sizes.map((size) => {
      const step = grouped(size);
      return {
        name: `tradedb enqueue(), groups of ${size}`,
        run: async (/** @type {number} */ ms) => {
          const sample = await loopAsync(ms, 1, step);
          return { ...sample, operations: sample.operations * size };
        },
      };
    }),
  ],
  { rounds: 15, sliceMs: 250 },
);
print('reference transaction, synchronous FULL, 2% of grouped operations fail', results);
const of = (/** @type {number} */ size) => results.find(({ name }) => name.endsWith(`of ${size}`))?.wallRatio ?? 0;
target('groups of 10 over 1 per commit, rate', of(10), '>=', 2.5);
target('groups of 100 over 1 per commit, rate', of(100), '>=', 3);
process.exit(0);
