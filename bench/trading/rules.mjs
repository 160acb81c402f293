// The 32 business rules beside quick_check of the same closed sample file, alternately, in one run. Prints both times, the
// ratio (target: 4 or less) and the dearest rules.
//   npm run build && node bench/trading/rules.mjs [orders] [rounds]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, openReadOnly } from '../../dist/core/sqlite/connection.js';
import { normalProfile } from '../../dist/core/sqlite/pragma-profile.js';
import { generateSample } from '../../dist/core/trading/market/generator.js';
import { applyReferenceSchema } from '../../dist/core/trading/reference-schema.js';
import { runRules } from '../../dist/core/trading/rule/run-rules.js';
import { systemClock } from '../../dist/system/system-clock.js';
import { systemRandom } from '../../dist/system/system-random.js';

const orders = Number(process.argv[2] ?? 50_000);
const rounds = Number(process.argv[3] ?? 5);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const path = join(folder, 'sample.db');
const ports = { clock: systemClock, random: systemRandom };
const quiet = () => {};
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function timed(work) {
  const started = performance.now();
  const result = work();
  return { ms: performance.now() - started, result };
}

try {
  const made = createDatabase(path, normalProfile, ports);
  applyReferenceSchema(made);
  const progress = { start: () => ({ advance: quiet, total: quiet, done: quiet }) };
  const options = { orders, instruments: 50, days: 60, mix: 'oms', seed: 1 };
  await generateSample(made, options, { clock: systemClock, signal: new AbortController().signal, progress });
  made.exec('ANALYZE');
  made.close();

  const times = { rules: [], check: [] };
  let last = [];
  for (let round = 0; round < rounds; round++) {
    const connection = openReadOnly(path, ports);
    const check = timed(() => connection.pragma('quick_check'));
    const rules = timed(() =>
      runRules(connection, { nowUs: Date.now() * 1000, tolUs: 1_000_000, staleUs: 86_400_000_000 }),
    );
    connection.close();
    times.check.push(check.ms);
    times.rules.push(rules.ms);
    last = rules.result;
  }
  const broken = last.filter((result) => result.status !== 'ok');
  if (broken.length > 0) throw new Error(`rules are broken: ${broken.map((result) => result.id).join(', ')}`);
  const [rules, check] = [median(times.rules), median(times.check)];
  console.log(
    `${orders} orders: quick_check ${check.toFixed(0)} ms, 32 rules ${rules.toFixed(0)} ms, ratio ${(rules / check).toFixed(2)}`,
  );
  const dearest = last.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, 6);
  console.log(`dearest: ${dearest.map(({ id, durationMs }) => `${id} ${durationMs.toFixed(0)} ms`).join(', ')}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
