// Two background readers that scan orders in batches against one synchronous thread, and the commits of this thread
// while the pool runs quick_check.
// node bench/sqlite-layer/background-readers.mjs
import { setTimeout as sleep } from 'node:timers/promises';
import { LatencyHistogram, openTradingDatabase } from '../../dist/index.js';
import { interleave, median, print, target } from './measure.mjs';
import { insertFill, insertOrder, prepare, updatePosition, valuesOf } from './workload.mjs';

const { path } = prepare('memory', ['scan', 'mixed']);
const scan = 'SELECT id, account_id, price, qty FROM orders WHERE account_id = ? ORDER BY price DESC';
const summary =
  'SELECT instrument_id, count(*), sum(price * qty), max(created_us) FROM orders WHERE account_id % 20 = ? GROUP BY 1';

const database = openTradingDatabase(path('scan'), { durability: 'normal' });
let k = 0;
const account = () => 1 + (k++ % 200);

/** @param {string} sql @param {number} ms */
function here(sql, ms) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  let operations = 0;
  const query = database.query(sql);
  while (performance.now() - start < ms) {
    query.all([account()]);
    operations += 1;
  }
  return finish(operations, start, cpu);
}

/** @param {string} sql @param {number} ms */
async function pool(sql, ms) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  let operations = 0;
  const client = async () => {
    while (performance.now() - start < ms) {
      await database.background.batches(sql, [account()], {}, () => {});
      operations += 1;
    }
  };
  await Promise.all([client(), client(), client(), client()]);
  return finish(operations, start, cpu);
}

/** @param {number} operations @param {number} start @param {NodeJS.CpuUsage} cpu */
function finish(operations, start, cpu) {
  const { user, system } = process.cpuUsage(cpu);
  return { operations, wallMs: performance.now() - start, cpuMs: (user + system) / 1000 };
}

for (const [title, sql] of [
  ['scan of an account: 1000 rows sorted', scan],
  ['report: groups over all orders', summary],
]) {
  const results = await interleave(
    [
      { name: 'this thread', run: (ms) => here(sql ?? '', ms) },
      { name: 'two background readers', run: (ms) => pool(sql ?? '', ms) },
    ],
    { rounds: 9, sliceMs: 400 },
  );
  print(title ?? '', results);
  target('two readers over one thread, rate', results[1]?.wallRatio ?? 0, '>=', 1);
}

const mixed = openTradingDatabase(path('mixed'), { durability: 'normal' });
let n = 0;
async function commits() {
  const histogram = new LatencyHistogram();
  for (let i = 0; i < 1500; i++) {
    const start = performance.now();
    const values = valuesOf(n++);
    mixed.tx((t) => {
      const id = t.run(insertOrder, values.order).lastInsertRowid;
      t.run(updatePosition, values.position);
      t.run(insertFill, values.fill(id));
    });
    histogram.recordMs(performance.now() - start);
    if (i % 10 === 9) await sleep(1);
  }
  return histogram.percentileNs(99);
}
await commits();
const ratios = [];
for (let round = 0; round < 7; round++) {
  const alone = await commits();
  let checking = true;
  const checks = (async () => {
    while (checking) await mixed.background.all('PRAGMA quick_check');
  })();
  ratios.push((await commits()) / alone);
  checking = false;
  await checks;
}
console.log('');
target('p99 of tx() while the pool runs quick_check, over alone', median(ratios), '<=', 1.5);
process.exit(0);
