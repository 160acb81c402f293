// One evaluation of many alert rules against the start of a bare Node.
//   node bench/health/alert-evaluate.mjs [--rules 1000] [--runs 20] [--json]
// Uses the compiled program: run `npm run build` first.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { evaluateAlerts } from '../../dist/core/alert/evaluator.js';
import { median } from './database.mjs';

const { values } = parseArgs({
  options: {
    rules: { type: 'string', default: '1000' },
    runs: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
});
const minute = 60_000;
const count = Number(values.rules);
const rules = Array.from({ length: count }, (_, n) => ({
  id: `rule-${n}`,
  metric: `metric_${n}`,
  select: {},
  except: {},
  direction: 'above',
  limits: { warning: 10, critical: 20 },
  clear: { warning: 8, critical: 15 },
  forMs: n % 3 === 0 ? 0 : minute,
  keepMs: 2 * minute,
  nodata: 'keep',
  group: `group-${n % 20}`,
  labels: {},
}));
let states = [];
/** Every tenth value is over its limit, another tenth in every look. */
function look(turn) {
  const metrics = rules.map(({ metric }, n) => ({
    name: metric,
    type: 'gauge',
    help: '',
    value: (n + turn) % 10 === 0 ? 25 : 1,
  }));
  const now = { wallMs: 1.7e12 + turn * minute, monotonicMs: 1000 + turn * minute, bootId: 'boot' };
  const started = performance.now();
  const result = evaluateAlerts({
    rules,
    states,
    metrics,
    expects: () => true,
    now,
    intervalMs: minute,
    database: 'd',
  });
  const ms = performance.now() - started;
  states = result.states;
  return { ms, transitions: result.transitions.length };
}
function bareNode() {
  const started = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - started;
}

// The first one, which a process of cron pays, is told apart.
const first = look(0);
const looks = [];
const starts = [];
for (let turn = 1; turn <= Number(values.runs); turn++) {
  looks.push(look(turn));
  starts.push(bareNode());
}
const row = {
  rules: count,
  firstMs: first.ms,
  medianMs: median(looks.map(({ ms }) => ms)),
  bareNodeMs: median(starts),
  transitions: looks.reduce((sum, { transitions }) => sum + transitions, first.transitions),
};
if (values.json) process.stdout.write(`${JSON.stringify(row, null, 2)}\n`);
else
  process.stdout.write(
    `${count} rules: first look ${row.firstMs.toFixed(1)} ms, then ${row.medianMs.toFixed(1)} ms; bare Node ${row.bareNodeMs.toFixed(0)} ms, of which the first look is ${(row.firstMs / row.bareNodeMs).toFixed(2)} (${row.transitions} transitions)\n`,
  );
