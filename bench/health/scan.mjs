// The structural scan of the quick tier against a plain read and against SQLite's quick_check, on one closed file, each in
// a process of its own, interleaved; and the whole quick tier, process start included.
//   node bench/health/scan.mjs [--megabytes 100] [--runs 5] [--json]
// Uses the compiled program: run `npm run build` first.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildDatabase, median } from './database.mjs';

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '100' },
    runs: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});
const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tradedb-scan-'));

// Each prints its own milliseconds, so that starting Node counts for none of them.
const timed = (body) => `const { readSync, openSync } = await import('node:fs'); const path = process.argv[1];
  ${body.setup ?? ''} const t = performance.now(); ${body.work} process.stdout.write(String(performance.now() - t));`;
const url = (path) => JSON.stringify(new URL(`../../dist/core/health/${path}`, import.meta.url).href);
const sqlite = JSON.stringify(import.meta.resolve('better-sqlite3'));
const contenders = {
  'plain read': timed({
    work: 'const f = openSync(path, "r"); const b = Buffer.alloc(1 << 20); while (readSync(f, b) > 0);',
  }),
  'structural scan': timed({
    setup: `const { gatherTarget } = await import(${url('target.js')}); const { scanStructure } = await import(${url('structure/scan.js')});
      const clock = { now: () => performance.now() };`,
    work: `const target = gatherTarget(path);
      const scan = scanStructure(target, { clock, budgetMs: 0, firstPage: 1, throwIfCancelled() {} });
      if (!scan.complete || scan.faultCount > 0) throw new Error('a sound file was not found sound');`,
  }),
  quick_check: timed({
    setup: `const { default: Database } = await import(${sqlite}); const db = new Database(path, { readonly: true });`,
    work: 'if (db.pragma("quick_check", { simple: true }) !== "ok") throw new Error("not ok");',
  }),
};

function wholeTier(path) {
  const started = performance.now();
  const result = spawnSync(process.execPath, [join(root, 'bin', 'tradedb.js'), 'health', '-d', path], {
    encoding: 'utf8',
  });
  if (result.status !== 0) throw new Error(result.stdout + result.stderr);
  return performance.now() - started;
}

function runOnce(code, path) {
  const result = spawnSync(process.execPath, ['--input-type=module', '-e', code, path], { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(result.stderr);
  return Number(result.stdout);
}

try {
  const path = join(folder, 'bench.db');
  buildDatabase(path, Number(values.megabytes));
  const sizeBytes = statSync(path).size;
  const names = [...Object.keys(contenders), 'tradedb health'];
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let run = -1; run < Number(values.runs); run++) {
    for (const name of names) {
      const ms = name === 'tradedb health' ? wholeTier(path) : runOnce(contenders[name], path);
      if (run >= 0) times[name].push(ms);
    }
  }
  const reference = median(times.quick_check);
  const rows = names.map((name) => {
    const medianMs = median(times[name]);
    return { name, medianMs, megabytesPerSecond: sizeBytes / 1e3 / medianMs, shareOfQuickCheck: medianMs / reference };
  });
  if (values.json) process.stdout.write(`${JSON.stringify({ sizeBytes, node: process.version, rows }, null, 2)}\n`);
  else {
    process.stdout.write(`${(sizeBytes / 1e6).toFixed(0)} MB, median of ${values.runs}, Node ${process.version}\n`);
    for (const { name, medianMs, megabytesPerSecond, shareOfQuickCheck } of rows) {
      process.stdout.write(
        `  ${name.padEnd(18)} ${medianMs.toFixed(0).padStart(7)} ms ${megabytesPerSecond.toFixed(0).padStart(7)} MB/s   ${shareOfQuickCheck.toFixed(2)} of quick_check\n`,
      );
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
