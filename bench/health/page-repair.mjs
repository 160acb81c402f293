// Ten rotten pages: repair from a backup by page hash, against a whole restore by tradedb and by restic, in turn.
//   node bench/health/page-repair.mjs [--megabytes 200] [--runs 3] [--json]
// Uses the compiled program: run `npm run build` first.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import { buildDatabase, median } from './database.mjs';

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '200' },
    runs: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});
const launcher = fileURLToPath(new URL('../../bin/tradedb.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tradedb-repair-'));
const path = join(folder, 'bench.db');
const environment = {
  ...process.env,
  RESTIC_PASSWORD: 'bench',
  RESTIC_REPOSITORY: join(folder, 'restic'),
  RESTIC_CACHE_DIR: join(folder, 'cache'),
};

function run(program, args, ok = [0]) {
  const started = performance.now();
  const done = spawnSync(program, args, { cwd: folder, env: environment, encoding: 'utf8', maxBuffer: 1e9 });
  if (!ok.includes(done.status)) throw new Error(`${program} ${args.join(' ')}: ${done.stdout}${done.stderr}`);
  return performance.now() - started;
}
const tradedb = (args, ok) => run(process.execPath, [launcher, ...args, '--progress', 'none'], ok);

/** A bit of ten leaves turns over, as a disk does it: no time of the file changes. */
function rot() {
  const { atime, mtime, size } = statSync(path);
  const file = openSync(path, 'r+');
  for (let spot = 1; spot <= 10; spot++) {
    const page = Math.floor((size / 4096 / 11) * spot);
    writeSync(file, Buffer.from([0xff]), 0, 1, page * 4096 + 3000);
  }
  closeSync(file);
  utimesSync(path, atime, mtime);
}

function expectSound(file) {
  const db = new Database(file, { readonly: true });
  const rows = db.prepare('SELECT count(*) FROM orders').pluck().get();
  db.close();
  if (rows !== Number(values.megabytes) * 8900) throw new Error(`${file} has ${rows} rows`);
}

const hasRestic = spawnSync('restic', ['version']).status === 0;
const ways = {
  'page repair': () => {
    rmSync(join(folder, 'case'), { recursive: true, force: true });
    const ms = tradedb(['health', 'recover', '-d', path, '--method', 'page-repair', '--case', 'case']);
    expectSound(join(folder, 'case', 'recovered.db'));
    return ms;
  },
  'tradedb restore': () => {
    rmSync(join(folder, 'restored.db'), { force: true });
    const ms = tradedb(['restore', '--target', 'restored.db', '--yes']);
    expectSound(join(folder, 'restored.db'));
    return ms;
  },
  ...(hasRestic
    ? {
        'restic restore': () => {
          rmSync(join(folder, 'out'), { recursive: true, force: true });
          return run('restic', ['restore', '-q', 'latest', '--target', 'out']);
        },
      }
    : {}),
};

try {
  buildDatabase(path, Number(values.megabytes));
  // One commit in the file itself, so that nothing is left in a WAL.
  const config = {
    database: { path: 'bench.db' },
    backup: { repositories: { main: { kind: 'folder', path: 'backups' } } },
  };
  writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify(config));
  mkdirSync(join(folder, 'cache'));
  tradedb(['backup', 'create']);
  if (hasRestic) {
    run('restic', ['init', '-q']);
    run('restic', ['backup', '-q', path]);
  }
  rot();
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let turn = 0; turn < Number(values.runs); turn++)
    for (const [name, way] of Object.entries(ways)) times[name].push(way());
  const rows = Object.entries(times).map(([name, list]) => ({ name, medianMs: median(list) }));
  const sizeBytes = statSync(path).size;
  if (values.json) process.stdout.write(`${JSON.stringify({ sizeBytes, rows }, null, 2)}\n`);
  else {
    process.stdout.write(`${(sizeBytes / 1e6).toFixed(0)} MB, ten pages, median of ${values.runs}\n`);
    for (const { name, medianMs } of rows)
      process.stdout.write(`  ${name.padEnd(16)} ${medianMs.toFixed(0).padStart(7)} ms\n`);
    if (!hasRestic) process.stdout.write('  restic is not installed: no comparison with it\n');
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
