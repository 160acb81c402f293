// Index advice for the 22 queries of a TPC-H-like database beside the union of `.expert` of the sqlite3 command line:
// total time on values that neither side has seen, number and bytes of indexes, and the time to advise.
//   npm run build && node bench/analyze/tpch.mjs [scale factor] [rounds] [time limit] [max slowdown]
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { seededChance } from '../../dist/core/analysis/workload/seeded-chance.js';
import { fillTpch } from './tpch/generate.mjs';
import { tpchQueries } from './tpch/queries.mjs';

const scale = Number(process.argv[2] ?? 0.1);
const rounds = Number(process.argv[3] ?? 3);
const timeLimit = process.argv[4] ?? '60s';
const maxSlowdown = process.argv[5] ?? '1.1';
/** What our side may take: this many indexes, and this share of the bytes of the other one. */
const mostIndexes = 10;
const bytesShare = 0.65;
const tuningSets = 6;
const heldOutSets = 3;
const launcher = fileURLToPath(new URL('../../bin/tradedb.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

function makeDatabase(path) {
  const db = new Database(path);
  db.pragma('synchronous = OFF');
  fillTpch(db, scale, seededChance(1));
  db.exec('ANALYZE');
  db.close();
}

function workloadText(queries) {
  return queries
    .map(({ name, sql, tuning }) =>
      [`-- @name ${name}`, ...tuning.map((set) => `-- @params ${JSON.stringify(set)}`), `${sql};\n`].join('\n'),
    )
    .join('\n');
}

/** The text with values in place of the parameters, for a tool that takes only texts. */
function withValues(sql, set) {
  let at = 0;
  return sql.replace(/\?/g, () => {
    const value = set[at++];
    return typeof value === 'string' ? `'${value}'` : String(value);
  });
}

function expertIndexes(database, queries) {
  const found = new Set();
  for (const { sql, tuning } of queries) {
    const text = withValues(sql, tuning[0]).replace(/\s+/g, ' ');
    const { stdout } = spawnSync('sqlite3', [database, '.expert', `${text};`], { encoding: 'utf8' });
    for (const line of stdout.split('\n')) if (line.startsWith('CREATE INDEX')) found.add(line.replace(/;.*$/, ''));
  }
  return [...found];
}

function advise(database, workload, budget) {
  const started = performance.now();
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      launcher,
      ...`analyze indexes --max-indexes ${mostIndexes} --size-budget ${budget}B`.split(' '),
      ...`--time-limit ${timeLimit} --max-slowdown ${maxSlowdown} --json --progress none`.split(' '),
      ...['-d', database, '-w', workload],
    ],
    { encoding: 'utf8', maxBuffer: 1e9 },
  );
  if (stdout === '') throw new Error(stderr);
  if (process.env.DBG) console.log(stderr);
  return { data: JSON.parse(stdout).data, seconds: (performance.now() - started) / 1000 };
}

function applied(source, target, statements) {
  copyFileSync(source, target);
  const db = new Database(target);
  db.pragma('synchronous = OFF');
  for (const sql of statements) db.exec(sql);
  db.exec('ANALYZE');
  db.close();
  return target;
}

const base = join(folder, 'base.db');
makeDatabase(base);
const chance = seededChance(2);
const queries = tpchQueries(chance).map(([name, sql, draw]) => ({
  name,
  sql,
  tuning: Array.from({ length: tuningSets }, draw),
  heldOut: Array.from({ length: heldOutSets }, draw),
}));
const workload = join(folder, 'w.sql');
writeFileSync(workload, workloadText(queries));
copyFileSync(base, join(folder, 'asked.db'));
const expert = expertIndexes(join(folder, 'asked.db'), queries);
rmSync(join(folder, 'asked.db'));
const expertBytes = statSync(applied(base, join(folder, '.expert.db'), expert)).size - statSync(base).size;
const { data, seconds } = advise(base, workload, Math.floor(expertBytes * bytesShare));
const ours = data.recommendations.filter((one) => one.action === 'create').map((one) => one.sql);
const variants = { '.expert': expert, ours, 'ours again': ours };
const opened = Object.fromEntries(
  Object.entries(variants).map(([name, indexes]) => {
    const db = new Database(applied(base, join(folder, `${name}.db`), indexes), { readonly: true });
    db.pragma('cache_size = -65536');
    return [name, db];
  }),
);

/** Best time by variant, query and set. */
const best = new Map();
for (let round = 0; round < rounds; round++) {
  for (const query of queries) {
    for (const [at, set] of query.heldOut.entries()) {
      for (const [name, db] of Object.entries(opened)) {
        const statement = db.prepare(query.sql);
        const started = performance.now();
        statement.all(set);
        const ms = performance.now() - started;
        const key = `${name}\0${query.name}\0${at}`;
        best.set(key, Math.min(ms, best.get(key) ?? Number.POSITIVE_INFINITY));
      }
    }
  }
}
const total = (name, query) => {
  let sum = 0;
  for (const [key, ms] of best) {
    const [variant, of] = key.split('\0');
    if (variant === name && (query === undefined || of === query)) sum += ms;
  }
  return sum / heldOutSets;
};
const bytes = (name) => statSync(join(folder, `${name}.db`)).size - statSync(base).size;
const versions = `${new Database(':memory:').prepare('SELECT sqlite_version()').pluck().get()}, sqlite3 ${execFileSync('sqlite3', ['--version'], { encoding: 'utf8' }).split(' ')[0]}`;
console.log(
  `scale ${scale}, ${(statSync(base).size / 1e6).toFixed(0)} MB, ${rounds} rounds, SQLite ${versions}; advice took ${seconds.toFixed(1)} s, complete: ${data.complete}, plans equal on copy and shadow: ${data.parity?.equal} of ${data.parity?.total}`,
);
console.log('variant      indexes       bytes   of .expert   total ms   of .expert');
for (const name of Object.keys(variants)) {
  console.log(
    `${name.padEnd(12)} ${String(variants[name].length).padStart(7)} ${String(bytes(name)).padStart(11)} ${(bytes(name) / bytes('.expert')).toFixed(2).padStart(12)} ${total(name).toFixed(1).padStart(10)} ${(total(name) / total('.expert')).toFixed(3).padStart(12)}`,
  );
}
console.log('\nquery    .expert ms    ours ms   ours/.expert');
for (const { name } of queries) {
  const [a, b] = [total('.expert', name), total('ours', name)];
  console.log(
    `${name.padEnd(6)} ${a.toFixed(2).padStart(12)} ${b.toFixed(2).padStart(10)} ${(b / a).toFixed(2).padStart(14)}`,
  );
}
for (const sql of ours) console.log(`  ours     ${sql}`);
for (const sql of expert) console.log(`  .expert  ${sql}`);
for (const db of Object.values(opened)) db.close();
