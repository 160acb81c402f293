// Salvage of a sound file against the sqlite3 command line's `.dump` piped into a new database, in turn.
//   node bench/health/recover-speed.mjs [--megabytes 100] [--runs 3] [--sqlite3 program] [--json]
// Uses the compiled program: run `npm run build` first.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import { buildDatabase, median } from './database.mjs';

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '100' },
    runs: { type: 'string', default: '3' },
    sqlite3: { type: 'string', default: 'sqlite3' },
    json: { type: 'boolean', default: false },
  },
});
const launcher = fileURLToPath(new URL('../../bin/tradedb.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tradedb-speed-'));
const path = join(folder, 'bench.db');
const result = join(folder, 'result.db');
const peer = spawnSync(values.sqlite3, ['--version'], { encoding: 'utf8' }).stdout?.split(' ')[0];

function timed(program, args) {
  for (const end of ['', '-wal', '-shm']) rmSync(result + end, { force: true });
  rmSync(join(folder, 'case'), { recursive: true, force: true });
  const started = performance.now();
  const run = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1e9 });
  const ms = performance.now() - started;
  const db = new Database(result, { readonly: true });
  const rows = db.prepare('SELECT count(*) FROM orders').pluck().get();
  db.close();
  if (rows !== Number(values.megabytes) * 8900) throw new Error(`${rows} rows came back\n${run.stderr}`);
  return ms;
}

const ways = {
  // With its freeze, its checks of the result and its start: what the operator waits for.
  'tradedb health recover': () => {
    const args = ['health', 'recover', '-d', path, '--method', 'salvage', '--case', join(folder, 'case')];
    return timed(process.execPath, [launcher, ...args, '--to', result, '--progress', 'none']);
  },
  ...(peer === undefined
    ? {}
    : {
        'sqlite3 .dump | sqlite3': () =>
          timed('sh', ['-c', '"$0" "$1" .dump | "$0" "$2"', values.sqlite3, path, result]),
      }),
};

try {
  buildDatabase(path, Number(values.megabytes));
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let run = 0; run < Number(values.runs); run++)
    for (const [name, way] of Object.entries(ways)) times[name].push(way());
  const sizeBytes = statSync(path).size;
  const rows = Object.entries(times).map(([name, list]) => ({ name, medianMs: median(list) }));
  if (values.json) process.stdout.write(`${JSON.stringify({ sizeBytes, peer: peer ?? null, rows }, null, 2)}\n`);
  else {
    process.stdout.write(`${(sizeBytes / 1e6).toFixed(0)} MB, median of ${values.runs}\n`);
    for (const { name, medianMs } of rows)
      process.stdout.write(`  ${name.padEnd(26)} ${medianMs.toFixed(0).padStart(7)} ms\n`);
    if (rows.length === 2)
      process.stdout.write(`  ${(rows[0].medianMs / rows[1].medianMs).toFixed(2)} times the time of ${peer}\n`);
    else process.stdout.write('  sqlite3 is not installed: no comparison\n');
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
