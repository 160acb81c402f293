// What `tradedb health` costs over a bare Node start, on a small database: medians of interleaved runs, so that both sides
// see the same machine. Prints the difference and the ratio; exits 1 when the difference is above the budget.
//   node bench/startup/startup.mjs [--runs 20] [--budget-ms 60] [--json]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    'budget-ms': { type: 'string', default: '60' },
    json: { type: 'boolean', default: false },
  },
});
const runs = Number(values.runs);
const budgetMs = Number(values['budget-ms']);
const launcher = fileURLToPath(new URL('../../bin/tradedb.js', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'tradedb-startup-'));
try {
  const path = join(folder, 'small.db');
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE trade (id INTEGER PRIMARY KEY, symbol TEXT, qty INTEGER)');
  const insert = db.prepare('INSERT INTO trade (symbol, qty) VALUES (?, ?)');
  db.transaction(() => {
    for (let row = 0; row < 1000; row++) insert.run(`S${row % 20}`, row);
  })();
  db.close();

  const contenders = {
    'node -e 0': ['-e', '0'],
    'tradedb --version': [launcher, '--version'],
    'tradedb health': [launcher, 'health', '-d', path],
    'tradedb health --json': [launcher, 'health', '-d', path, '--json'],
  };
  const times = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let run = -2; run < runs; run++) {
    for (const [name, args] of Object.entries(contenders)) {
      const started = performance.now();
      const result = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
      const ms = performance.now() - started;
      if (result.status !== 0) throw new Error(`${name} ended with ${result.status}`);
      // The first two rounds fill the compile cache and the page cache.
      if (run >= 0) times[name].push(ms);
    }
  }
  const median = (list) => {
    const sorted = [...list].sort((a, b) => a - b);
    const middle = Math.floor(sorted.length / 2);
    return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  };
  const bare = median(times['node -e 0']);
  const rows = Object.entries(times).map(([name, list]) => {
    const medianMs = median(list);
    // The fastest runs show what it costs when nobody else uses the machine.
    const fastestMs = Math.min(...list);
    const fastestDifferenceMs = fastestMs - Math.min(...times['node -e 0']);
    return { name, medianMs, differenceMs: medianMs - bare, ratio: medianMs / bare, fastestMs, fastestDifferenceMs };
  });
  const health = rows.find(({ name }) => name === 'tradedb health');
  const passed = health.differenceMs <= budgetMs;
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ runs, budgetMs, passed, node: process.version, rows }, null, 2)}\n`);
  } else {
    process.stdout.write(`median of ${runs} runs, Node ${process.version}\n`);
    for (const { name, medianMs, differenceMs, ratio, fastestMs, fastestDifferenceMs } of rows) {
      const cells = [
        name.padEnd(24),
        `${medianMs.toFixed(1)} ms`.padStart(10),
        `+${differenceMs.toFixed(1)} ms`.padStart(11),
      ];
      const fastest = `fastest ${fastestMs.toFixed(1)} ms, +${fastestDifferenceMs.toFixed(1)} ms`;
      process.stdout.write(`  ${cells.join('  ')}  x${ratio.toFixed(2)}   ${fastest}\n`);
    }
    process.stdout.write(`budget +${budgetMs} ms for tradedb health: ${passed ? 'kept' : 'missed'}\n`);
  }
  process.exitCode = passed ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
