// kill -9 at random moments of backup, archive, prune, restore and the exchange of a database.
// After each: what was acknowledged is listed and whole, the database is one committed state, the next run cleans up.
//   npm run build && node bench/backup/kills.mjs [kills of each kind]
import { fork, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { launcher } from './support.mjs';

const kills = Number(process.argv[2] ?? 10);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const path = join(folder, 'a.db');
const repository = join(folder, 'backups');
const failures = [];
const acknowledged = [];
const deleted = new Set();

function makeCounting() {
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec(`CREATE TABLE entry (id INTEGER PRIMARY KEY, value INTEGER NOT NULL, body TEXT NOT NULL);
    CREATE INDEX entry_value ON entry (value);
    CREATE TABLE counter (n INTEGER NOT NULL, total INTEGER NOT NULL);
    INSERT INTO entry (value, body) WITH RECURSIVE s(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM s WHERE i < 8000)
      SELECT i, hex(randomblob(90)) FROM s;
    INSERT INTO counter SELECT count(*), sum(value) FROM entry`);
  db.close();
}

/** Starts a command in a process group of its own and kills it (and what it started) after a time; null: never. */
function run(args, afterMs = null) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [launcher, ...args, '-d', path, '--json'], { cwd: folder });
    let output = '';
    let errors = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      errors += text;
    });
    const timer = afterMs === null ? undefined : setTimeout(() => child.kill('SIGKILL'), afterMs);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, output, errors, data: code === null || output === '' ? undefined : JSON.parse(output).data });
    });
  });
}

function committedRows(file) {
  const db = new Database(file, { timeout: 10_000 });
  try {
    db.exec('BEGIN');
    const counter = db.prepare('SELECT n, total FROM counter').get();
    const real = db.prepare('SELECT count(*) AS n, sum(value) AS total FROM entry').get();
    if (counter.n !== real.n || counter.total !== real.total) throw new Error('a mixture of states');
    const check = db.pragma('quick_check', { simple: true });
    if (check !== 'ok') throw new Error(check);
    return counter.n;
  } finally {
    db.close();
  }
}

function expectThat(kind, condition, what) {
  if (!condition) failures.push(`${kind}: ${what}`);
}

async function check(kind, level = '1') {
  const list = await run(['backup', 'list']);
  const there = new Set((list.data?.points ?? []).map((point) => point.id));
  for (const id of acknowledged)
    expectThat(kind, there.has(id) || deleted.has(id), `${id} was acknowledged and is gone`);
  const verify = await run(['backup', 'verify', '--level', level]);
  // A prune that was killed leaves objects without a manifest, and nothing that a point needs is missing.
  expectThat(kind, verify.code === 0, `verify: ${verify.output.slice(0, 400)}${verify.errors.slice(0, 400)}`);
  try {
    committedRows(path);
  } catch (error) {
    failures.push(`${kind}: ${error.message}`);
  }
}

function leftovers() {
  const names = existsSync(repository) ? readdirSync(repository, { recursive: true, encoding: 'utf8' }) : [];
  return [
    ...names.filter((name) => name.endsWith('.partial') || /\.staging\/a\.db-[0-9a-f]+\/.*pack$/.test(name)),
    ...readdirSync(folder).filter((name) => /restore-[0-9a-f]+\.partial/.test(name)),
  ];
}

/** What the rules of retention let go may be gone; the two newest have to stay. */
async function noteDeleted() {
  const list = await run(['backup', 'list']);
  const there = new Set(list.data.points.map((point) => point.id));
  for (const id of acknowledged.slice(-2))
    expectThat('prune', there.has(id), `${id}, one of the newest two, was pruned`);
  for (const id of acknowledged) if (!there.has(id)) deleted.add(id);
}

const kinds = {
  async backup(ms) {
    const result = await run(['backup', 'create', '--type', Math.random() < 0.5 ? 'full' : 'incremental'], ms);
    if (result.code === 0 || result.code === 3) acknowledged.push(result.data.backup.id);
    return ['backup', 'create', '--type', 'incremental'];
  },
  async archive(ms) {
    await run(['backup', 'archive', '--segment-interval', '50ms'], ms * 2);
    return ['backup', 'archive', '--for', '300ms'];
  },
  async prune(ms) {
    for (let count = 0; count < 2; count++) {
      const made = await run(['backup', 'create', '--type', 'full']);
      if (made.code === 0 || made.code === 3) acknowledged.push(made.data.backup.id);
    }
    await run(['backup', 'prune', '--grace', '0s', '--yes'], ms);
    await noteDeleted();
    return ['backup', 'prune', '--grace', '0s', '--yes'];
  },
  async restore(ms) {
    const target = join(folder, 'copy.db');
    await run(['restore', '--target', target], ms * 1.5);
    if (existsSync(target)) committedRows(target);
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${target}${suffix}`, { force: true });
    const again = await run(['restore', '--target', target]);
    expectThat('restore', again.code === 0, again.errors.slice(0, 300));
    committedRows(target);
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${target}${suffix}`, { force: true });
    return ['backup', 'list'];
  },
  async swap(ms) {
    const before = committedRows(path);
    await run(['restore', '--replace', '--discard-old', '--yes'], ms * 1.8);
    if (existsSync(`${path}.restore-intent`)) {
      const refused = await run(['backup', 'create']);
      expectThat('swap', refused.code === 15, `a command ran beside a pending exchange: ${refused.code}`);
      const resumed = await run(['restore', 'run', Math.random() < 0.5 ? '--resume' : '--abort']);
      expectThat('swap', resumed.code === 0, resumed.errors.slice(0, 300));
    }
    const after = committedRows(path);
    expectThat('swap', after === before || after > 0, 'the database is neither the old nor the new one');
    return ['restore', '--replace', '--discard-old', '--yes'];
  },
};

async function startCounting() {
  const script = fileURLToPath(new URL('../../test/support/counting-writer.mjs', import.meta.url));
  const child = fork(script, [path, '40'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  await new Promise((resolve) => child.once('message', resolve));
  return child;
}

try {
  makeCounting();
  const config = {
    database: { path: 'a.db' },
    backup: { retention: { keepLast: 2, daily: 0, weekly: 0, monthly: 0, minimumRedundancy: 1, recoveryWindow: '1s' } },
  };
  writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify(config));
  const first = await run(['backup', 'create']);
  acknowledged.push(first.data.backup.id);
  for (const [kind, work] of Object.entries(kinds)) {
    const writer = kind === 'swap' ? undefined : await startCounting();
    const started = performance.now();
    const usual = performance.now();
    const calm = await run(['backup', 'create', '--type', 'full']);
    acknowledged.push(calm.data.backup.id);
    const usualMs = performance.now() - usual;
    for (let count = 0; count < kills; count++) {
      const next = await work(Math.random() * usualMs * 1.2);
      if (count % 10 !== 9 && count !== kills - 1) continue;
      const clean = await run(next);
      expectThat(
        kind,
        clean.code === 0 || clean.code === 3,
        `the next run: ${clean.code} ${clean.errors.slice(0, 300)}`,
      );
      if (next[1] === 'prune') await noteDeleted();
      if (next[1] === 'create' && clean.data?.backup) acknowledged.push(clean.data.backup.id);
      await check(kind, count === kills - 1 ? '3' : '2');
    }
    // One run of each that tidies up, and nothing is left.
    const made = await run(['backup', 'create']);
    if (made.data?.backup) acknowledged.push(made.data.backup.id);
    const left = leftovers();
    expectThat(kind, left.length === 0, `left behind: ${left.slice(0, 5).join(', ')}`);
    writer?.kill('SIGKILL');
    await sleep(200);
    console.log(
      `${kind}: ${kills} kills in ${Math.round((performance.now() - started) / 1000)} s, ${failures.length} failures so far`,
    );
  }
  for (const failure of failures.slice(0, 20)) console.log(failure);
  console.log(
    `${kills * Object.keys(kinds).length} kills, ${acknowledged.length} acknowledged backups, ${failures.length} failures`,
  );
  if (failures.length > 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
