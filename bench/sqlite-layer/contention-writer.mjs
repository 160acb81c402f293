// One writer of contention.mjs. argv: database, policy, index. Starts at the message with the length of the window.
import Database from 'better-sqlite3';
import { LatencyHistogram, openTradingDatabase } from '../../dist/index.js';
import { insertFill, insertOrder, updatePosition, valuesOf } from './workload.mjs';

const [path = '', policy = '', index = ''] = process.argv.slice(2);
let k = Number(index) * 10_000_000;

function ours() {
  const database = openTradingDatabase(path, { durability: 'normal', busyTimeout: '60s' });
  return () => {
    const values = valuesOf(k++);
    database.tx((t) => {
      const id = t.run(insertOrder, values.order).lastInsertRowid;
      t.run(updatePosition, values.position);
      t.run(insertFill, values.fill(id));
    });
  };
}

function plain() {
  const database = new Database(path, { timeout: 60_000 });
  database.pragma('synchronous = NORMAL');
  database.pragma('wal_autocheckpoint = 10000');
  const [order, position, fill] = [insertOrder, updatePosition, insertFill].map((sql) => database.prepare(sql));
  const work = database.transaction((/** @type {ReturnType<typeof valuesOf>} */ values) => {
    const id = order?.run(values.order).lastInsertRowid ?? 0;
    position?.run(values.position);
    fill?.run(values.fill(id));
  }).immediate;
  return () => void work(valuesOf(k++));
}

const step = policy === 'tradedb' ? ours() : plain();
process.send?.('ready');
process.once('message', (windowMs) => {
  const histogram = new LatencyHistogram();
  const cpu = process.cpuUsage();
  const end = performance.now() + Number(windowMs);
  let operations = 0;
  for (let start = performance.now(); start < end; operations++) {
    step();
    const now = performance.now();
    histogram.recordMs(now - start);
    start = now;
  }
  const { user, system } = process.cpuUsage(cpu);
  const report = {
    operations,
    cpuMs: (user + system) / 1000,
    p99Ms: histogram.percentileNs(99) / 1e6,
    maxMs: histogram.maxNs / 1e6,
  };
  process.send?.(report, () => process.exit(0));
});
