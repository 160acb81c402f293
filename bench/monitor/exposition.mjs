// The text of /metrics for 200 series: ours against prom-client, after both were compared; and what loading it costs.
//   npm run build && node bench/monitor/exposition.mjs [rounds]
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Counter, Gauge, Registry } from 'prom-client';
import { renderMetrics } from '../../dist/cli/render/prometheus.js';
import { printTable } from '../beside.mjs';
import { median } from '../sqlite-layer/measure.mjs';

const rounds = Number(process.argv[2] ?? 41);
const names = Array.from({ length: 20 }, (_, at) => ({ name: at % 2 ? `gauge_${at}` : `count_${at}_total`, at }));
const values = names.flatMap(({ name, at }) =>
  Array.from({ length: 10 }, (_, k) => ({
    name,
    type: /** @type {'gauge' | 'counter'} */ (at % 2 ? 'gauge' : 'counter'),
    help: 'What it counts.',
    value: at * 1000.5 + k,
    labels: { database: 'trading.db', object: `table_${k}` },
  })),
);
const registry = new Registry();
for (const { name, at } of names) {
  const Kind = at % 2 ? Gauge : Counter;
  const series = new Kind({
    name: `tradedb_${name}`,
    help: 'What it counts.',
    labelNames: ['database', 'object'],
    registers: [registry],
  });
  for (const { name: other, labels, value } of values) if (other === name) series.inc(labels, value);
}
const bare = (/** @type {string} */ text) => text.split('\n').filter((line) => line !== '');
if (bare(renderMetrics(values)).join('\n') !== bare(await registry.metrics()).join('\n'))
  throw new Error('they differ');

/** @type {{ ours: number[], theirs: number[] }} */
const times = { ours: [], theirs: [] };
for (let round = 0; round < rounds; round++) {
  for (const who of round % 2 ? ['ours', 'theirs'] : ['theirs', 'ours']) {
    const started = performance.now();
    for (let k = 0; k < 20; k++) {
      if (who === 'ours') renderMetrics(values);
      else await registry.metrics();
    }
    times[/** @type {'ours' | 'theirs'} */ (who)].push((performance.now() - started) / 20);
  }
}
const loading = (/** @type {string} */ module) =>
  median(
    Array.from({ length: 7 }, () => {
      const script = `const a = performance.now(); await import(${JSON.stringify(module)}); console.log(performance.now() - a)`;
      return Number(spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).stdout);
    }),
  );
const ours = fileURLToPath(new URL('../../dist/cli/render/prometheus.js', import.meta.url));
printTable([
  ['', '200 series', 'ratio', 'to load'],
  [
    'prom-client',
    `${median(times.theirs).toFixed(3)} ms`,
    '1.00x',
    `${loading(import.meta.resolve('prom-client')).toFixed(0)} ms`,
  ],
  [
    'tradedb',
    `${median(times.ours).toFixed(3)} ms`,
    `${median(times.ours.map((one, round) => one / (times.theirs[round] ?? one))).toFixed(2)}x`,
    `${loading(ours).toFixed(0)} ms`,
  ],
]);
