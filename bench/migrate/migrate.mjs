// 500 small files applied, and the state of 500 applied files read: tradedb beside knex in one run, alternately, each in
// a process of its own, on the same SQL, folder and disk. Prints medians and ratios with their spread. dbmate takes part
// when it is on the PATH or in bench/peers/node_modules; otherwise one line says so.
//
//   node bench/migrate/migrate.mjs [--rounds 5] [--files 500] [--json]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    files: { type: 'string', default: '500' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const files = Number(values.files);
const launcher = fileURLToPath(new URL('../../bin/tradedb.js', import.meta.url));
const peer = fileURLToPath(new URL('knex-peer.mjs', import.meta.url));
const dbmateCandidates = [
  fileURLToPath(new URL('../peers/node_modules/@dbmate/linux-x64/bin/dbmate', import.meta.url)),
  ...(process.env.PATH ?? '').split(delimiter).map((path) => join(path, 'dbmate')),
];
const dbmateProgram = dbmateCandidates.find((path) => existsSync(path));
const cpuTime = new URL('../cpu-time.mjs', import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-migrate-'));

const cpuFile = join(folder, 'cpu');

function writeMigrations() {
  mkdirSync(join(folder, 'sql'));
  mkdirSync(join(folder, 'knex'));
  for (let index = 1; index <= files; index++) {
    const version = String(20260101000000 + index);
    const statements = [
      `CREATE TABLE t${index}(id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, px REAL, qty REAL)`,
      `CREATE INDEX t${index}_symbol ON t${index}(symbol)`,
    ];
    const down = `DROP TABLE t${index}`;
    writeFileSync(
      join(folder, 'sql', `${version}_t.sql`),
      `-- migrate:up\n${statements.join(';\n')};\n-- migrate:down\n${down};\n`,
    );
    const raws = statements.map((sql) => `  await knex.raw(${JSON.stringify(sql)});`).join('\n');
    writeFileSync(
      join(folder, 'knex', `${version}_t.cjs`),
      `exports.up = async (knex) => {\n${raws}\n};\nexports.down = async (knex) => {\n  await knex.raw(${JSON.stringify(down)});\n};\n`,
    );
  }
}

function freshDatabase(name, journal) {
  const path = join(folder, name);
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
  const database = new Database(path);
  database.pragma(`journal_mode = ${journal}`);
  database.exec('CREATE TABLE seed(x)');
  database.close();
  return path;
}

/** Wall and CPU time of one process. */
function timed(args) {
  const started = performance.now();
  const result = spawnSync(process.execPath, ['--import', cpuTime, ...args], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', BENCH_CPU_FILE: cpuFile },
  });
  const wall = performance.now() - started;
  if (result.status !== 0)
    throw new Error(`${args.join(' ')} ended with ${result.status}\n${result.stdout}${result.stderr}`);
  return { wall, cpu: Number(readFileSync(cpuFile, 'utf8')) };
}

/** A program without a hook for its CPU time. */
function timedDbmate(path) {
  const started = performance.now();
  const args = ['--url', `sqlite:${path}`, '--migrations-dir', join(folder, 'sql'), '--no-dump-schema', 'up'];
  const result = spawnSync(dbmateProgram, args, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`dbmate ended with ${result.status}\n${result.stdout}${result.stderr}`);
  return { wall: performance.now() - started, cpu: Number.NaN };
}

const tradedb = (...words) => timed([launcher, 'migrate', ...words, '--dir', join(folder, 'sql')]);
const knex = (action, path) => timed([peer, action, path, join(folder, 'knex')]);

function requireTables(path) {
  const database = new Database(path, { readonly: true });
  const count = database
    .prepare(`SELECT count(*) FROM sqlite_schema WHERE name GLOB 't[0-9]*' AND type = 'table'`)
    .pluck()
    .get();
  database.close();
  if (count !== files) throw new Error(`${path} has ${count} tables instead of ${files}`);
}

const cases = {
  'knex latest, rollback journal': () => {
    const path = freshDatabase('knex.db', 'DELETE');
    const time = knex('latest', path);
    requireTables(path);
    return time;
  },
  'tradedb up --atomic, rollback journal': () => {
    const path = freshDatabase('atomic.db', 'DELETE');
    const time = tradedb('up', '-d', path, '--atomic', '--quiet');
    requireTables(path);
    return time;
  },
  'knex latest, WAL': () => {
    const path = freshDatabase('knex-wal.db', 'WAL');
    const time = knex('latest', path);
    requireTables(path);
    return time;
  },
  'tradedb up, one transaction per file, WAL': () => {
    const path = freshDatabase('file-wal.db', 'WAL');
    const time = tradedb('up', '-d', path, '--quiet');
    requireTables(path);
    return time;
  },
  'knex migrate.list, all applied': () => knex('list', join(folder, 'knex.db')),
  'tradedb status, all applied': () => tradedb('status', '-d', join(folder, 'atomic.db'), '--quiet'),
  'tradedb plan, all pending': () => {
    const path = freshDatabase('plan.db', 'WAL');
    return tradedb('plan', '-d', path, '--quiet');
  },
  ...(dbmateProgram === undefined
    ? {}
    : {
        'dbmate up, rollback journal': () => {
          const path = freshDatabase('dbmate.db', 'DELETE');
          const time = timedDbmate(path);
          requireTables(path);
          return time;
        },
      }),
  'tradedb up, one transaction per file, rollback journal': () => {
    const path = freshDatabase('file.db', 'DELETE');
    const time = tradedb('up', '-d', path, '--quiet');
    requireTables(path);
    return time;
  },
  'bare node': () => timed(['-e', '0']),
};

const comparisons = [
  ['apply, one transaction', 'tradedb up --atomic, rollback journal', 'knex latest, rollback journal', 0.5],
  [
    "apply, WAL: per file against knex's single transaction",
    'tradedb up, one transaction per file, WAL',
    'knex latest, WAL',
    1,
  ],
  ...(dbmateProgram === undefined
    ? []
    : [
        [
          'apply, one transaction against dbmate',
          'tradedb up --atomic, rollback journal',
          'dbmate up, rollback journal',
          0.35,
        ],
        [
          'apply, per file, rollback journal, against dbmate',
          'tradedb up, one transaction per file, rollback journal',
          'dbmate up, rollback journal',
          1.1,
        ],
      ]),
  ['status', 'tradedb status, all applied', 'knex migrate.list, all applied', 0.6],
];

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const times = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
try {
  writeMigrations();
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(cases)) times[name].push(run());
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const compare = (ours, theirs, kind) => {
  const each = times[ours].map((time, round) => time[kind] / times[theirs][round][kind]);
  return { ratio: median(each), lowest: Math.min(...each), highest: Math.max(...each) };
};
const ratios = comparisons.map(([name, ours, theirs, target]) => ({
  name,
  ours,
  theirs,
  target,
  wall: compare(ours, theirs, 'wall'),
  cpu: compare(ours, theirs, 'cpu'),
}));
const medians = Object.fromEntries(
  Object.entries(times).map(([name, list]) => [
    name,
    { wallMs: median(list.map((one) => one.wall)), cpuMs: median(list.map((one) => one.cpu)) },
  ]),
);
if (values.json)
  process.stdout.write(`${JSON.stringify({ files, rounds, node: process.version, medians, ratios }, null, 2)}\n`);
else {
  process.stdout.write(`${files} files, ${rounds} rounds, Node ${process.version}\n\n`);
  if (dbmateProgram === undefined) process.stdout.write('dbmate is not installed: it is left out\n\n');
  for (const [name, { wallMs, cpuMs }] of Object.entries(medians)) {
    process.stdout.write(
      `${name.padEnd(56)}${wallMs.toFixed(0).padStart(7)} ms${Number.isNaN(cpuMs) ? '' : `${cpuMs.toFixed(0).padStart(7)} ms CPU`}\n`,
    );
  }
  process.stdout.write('\n');
  const shown = ({ ratio, lowest, highest }) => `${ratio.toFixed(2)}x (${lowest.toFixed(2)} to ${highest.toFixed(2)})`;
  for (const { name, target, wall, cpu } of ratios) {
    process.stdout.write(
      `${name.padEnd(56)}wall ${shown(wall)}${Number.isNaN(cpu.ratio) ? '' : `  CPU ${shown(cpu)}`}  target ${target}x\n`,
    );
  }
}
