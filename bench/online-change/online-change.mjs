// A table of 2 million rows changed beside a writer in another process: in one transaction, and online. Prints how long
// the writer had to wait at worst in both, how long the exchange of the tables took, and the times; then kills an online
// change at random moments, goes on with it, and compares the rows with those that the writer made in an untouched table.
//
//   node bench/online-change/online-change.mjs [--rows 2000000] [--rounds 1] [--kills 50] [--kill-rows 40000] [--json]
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '2000000' },
    rounds: { type: 'string', default: '1' },
    kills: { type: 'string', default: '50' },
    'kill-rows': { type: 'string', default: '40000' },
    json: { type: 'boolean', default: false },
  },
});
const launcher = fileURLToPath(new URL('../../bin/tradedb.js', import.meta.url));
const writerScript = fileURLToPath(new URL('writer.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-online-'));

const columns = `id INTEGER PRIMARY KEY, px REAL NOT NULL, qty INTEGER NOT NULL, sym TEXT NOT NULL, note TEXT, p INTEGER`;
const wanted = `CREATE TABLE t(id INTEGER PRIMARY KEY, px REAL NOT NULL DEFAULT 0 CHECK (px >= 0), qty INTEGER NOT NULL, sym TEXT NOT NULL,
  note TEXT, p INTEGER REFERENCES parent(id)) STRICT`;

/** A table with two indexes, one of them over a column with many NULLs, a trigger, a view, a parent and a child. */
function build(name, rows) {
  const path = join(folder, name);
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = OFF');
  database.exec(`CREATE TABLE parent(id INTEGER PRIMARY KEY); INSERT INTO parent VALUES(1), (2), (3);
    CREATE TABLE t(${columns} REFERENCES parent(id));
    CREATE TABLE child(id INTEGER PRIMARY KEY, t INTEGER REFERENCES t(id) ON DELETE CASCADE);
    WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ${rows})
    INSERT INTO t SELECT x, abs(random() % 100000) / 7.0, x % 1000, 'S' || abs(random() % 500),
      CASE WHEN x % 50 = 0 THEN 'note ' || x END, x % 3 + 1 FROM c;
    CREATE INDEX t_sym ON t(sym, px);
    CREATE INDEX t_qty ON t(qty DESC);
    CREATE INDEX t_note ON t(note) WHERE note IS NOT NULL;
    CREATE VIEW v AS SELECT id, px FROM t;
    CREATE TABLE audit(id INTEGER PRIMARY KEY, t INTEGER);
    CREATE TRIGGER t_audit AFTER DELETE ON t BEGIN INSERT INTO audit(t) VALUES(old.id); END;`);
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
  return path;
}

function copyOf(source, name) {
  const path = join(folder, name);
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
  cpSync(source, path);
  return path;
}

function migrations(name, text) {
  const directory = join(folder, name);
  mkdirSync(directory);
  writeFileSync(join(directory, '1_t.sql'), `-- migrate:up\n${text};\n`);
  return directory;
}

async function startWriter(path, mode) {
  const child = spawn(process.execPath, [writerScript, path, mode], { stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  const closed = new Promise((resolve) => child.on('close', resolve));
  await new Promise((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      if (output.startsWith('ready\n')) resolve();
    });
  });
  return async () => {
    child.stdin.end();
    await closed;
    return JSON.parse(output.slice('ready\n'.length));
  };
}

/** Runs `migrate up`; `killAfterMs` ends it with SIGKILL. Its exit code, report and time. */
function up(path, directory, killAfterMs) {
  const started = performance.now();
  const args = [
    launcher,
    'migrate',
    'up',
    '-d',
    path,
    '--dir',
    directory,
    '--backup',
    'never',
    '--lock-timeout',
    '5m',
    '--progress',
    'none',
    '--json',
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], cwd: folder });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, ms: performance.now() - started, report: output === '' ? null : JSON.parse(output) });
    });
  });
}

async function beside(source, directory, name) {
  const path = copyOf(source, `${name}.db`);
  const stop = await startWriter(path, 'plain');
  const { code, ms, report } = await up(path, directory);
  const writer = await stop();
  if (code !== 0) throw new Error(`${name}: up ended with ${code}: ${JSON.stringify(report?.data.failed)}`);
  const database = new Database(path, { readonly: true });
  const check = database.pragma('integrity_check', { simple: true });
  database.close();
  if (check !== 'ok') throw new Error(`${name}: ${check}`);
  return { name, ms, swapMs: report.data.applied[0].swapMs, ...writer };
}

const hashOf = (database, table) => {
  const hash = createHash('sha256');
  for (const row of database.prepare(`SELECT id, px, qty, sym, note, p FROM ${table} ORDER BY id`).raw().iterate()) {
    hash.update(JSON.stringify(row));
  }
  return hash.digest('hex');
};

/** Each kill on a database of its own: killed once at a random moment, gone on with, compared. */
async function killRounds(directory) {
  const source = build('kill-source.db', Number(values['kill-rows']));
  const prepared = new Database(source);
  prepared.exec(`CREATE TABLE m(${columns}); INSERT INTO m SELECT * FROM t`);
  prepared.pragma('wal_checkpoint(TRUNCATE)');
  prepared.close();
  const whole = await up(copyOf(source, 'kill.db'), directory);
  const tally = { kills: 0, tooLate: 0, equal: 0, phases: {} };
  while (tally.kills < Number(values.kills)) {
    const path = copyOf(source, 'kill.db');
    const stop = await startWriter(path, 'mirror');
    const first = await up(path, directory, whole.ms * (0.1 + Math.random() * 0.95));
    const phase = phaseOf(path);
    if (first.code === 0) tally.tooLate += 1;
    else {
      tally.kills += 1;
      tally.phases[phase] = (tally.phases[phase] ?? 0) + 1;
    }
    const second = await up(path, directory);
    const writer = await stop();
    if (second.code !== 0 || writer.errors > 0) {
      const why = JSON.stringify(second.report?.data.failed ?? null);
      throw new Error(`up ended with ${second.code} behind ${phase}, the writer met ${writer.errors} errors: ${why}`);
    }
    if (first.code === 0) continue;
    const database = new Database(path, { readonly: true });
    const left = database.prepare(`SELECT count(*) FROM sqlite_schema WHERE name GLOB '_tradedb_*'`).pluck().get();
    const sound = database.pragma('integrity_check', { simple: true }) === 'ok';
    if (left === 0 && sound && hashOf(database, 't') === hashOf(database, 'm')) tally.equal += 1;
    database.close();
  }
  return tally;
}

function phaseOf(path) {
  const database = new Database(path, { readonly: true });
  try {
    const table = database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'tradedb_migrations'`).get();
    if (table === undefined) return 'before the first write';
    const row = database.prepare('SELECT event, progress FROM tradedb_migrations ORDER BY seq DESC LIMIT 1').get();
    if (row === undefined) return 'before the first write';
    if (row.event !== 'started') return 'after the last write';
    return JSON.parse(row.progress).work?.phase ?? 'around the work';
  } finally {
    database.close();
  }
}

try {
  const plain = migrations('naive', `-- migrate:table\n${wanted}`);
  const online = migrations('online', `-- migrate:table online\n${wanted}`);
  const results = [];
  if (Number(values.rounds) > 0) {
    const source = build('source.db', Number(values.rows));
    for (let round = 0; round < Number(values.rounds); round++) {
      const naive = await beside(source, plain, 'one transaction');
      const changed = await beside(source, online, 'online');
      results.push({
        naive,
        online: changed,
        stallRatio: changed.longest / naive.longest,
        timeRatio: changed.ms / naive.ms,
      });
      const ms = (value) => (value === null ? '-' : `${value.toFixed(1)} ms`);
      for (const one of [naive, changed]) {
        console.error(
          `${one.name.padEnd(16)} total ${(one.ms / 1000).toFixed(1)} s   writer: ${one.commits} commits, ${one.errors} errors, p50 ${ms(one.p50)}, p99 ${ms(one.p99)}, longest ${ms(one.longest)}   swap ${ms(one.swapMs)}`,
        );
      }
      console.error(
        `longest wait ${results.at(-1).stallRatio.toFixed(3)}x, total ${results.at(-1).timeRatio.toFixed(1)}x`,
      );
    }
  }
  const kills = Number(values.kills) > 0 ? await killRounds(online) : null;
  if (kills !== null)
    console.error(`${kills.equal} of ${kills.kills} killed changes ended with equal rows`, kills.phases);
  if (values.json) process.stdout.write(`${JSON.stringify({ rows: Number(values.rows), results, kills })}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
