// What the benches of backup and archive share.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';

export const launcher = fileURLToPath(new URL('../../bin/tradedb.js', import.meta.url));

/** A database of about `megabytes` with orders and positions. */
export function makeDatabase(path, megabytes) {
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec(`CREATE TABLE orders (id INTEGER PRIMARY KEY, account INTEGER, price INTEGER, qty INTEGER, note TEXT);
    CREATE TABLE positions (account INTEGER PRIMARY KEY, qty INTEGER);
    INSERT INTO positions WITH RECURSIVE s(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM s WHERE i < 499) SELECT i, 0 FROM s;`);
  db.exec(`INSERT INTO orders (account, price, qty, note)
    WITH RECURSIVE s(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM s WHERE i < ${megabytes * 6500})
    SELECT abs(random()) % 500, 100 + abs(random()) % 97, abs(random()) % 1000, hex(randomblob(12 + i % 40)) FROM s`);
  db.exec('CREATE INDEX orders_account ON orders (account, id); CREATE INDEX orders_price ON orders (price)');
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
}

export async function startWriter(path, tps) {
  const child = fork(fileURLToPath(new URL('./writer.mjs', import.meta.url)), [path, String(tps)]);
  await once(child, 'message');
  return {
    /** Latencies in ms since the last call. */
    async take() {
      child.send('take');
      const [latencies] = await once(child, 'message');
      return latencies;
    },
    async stop() {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** Runs a command; gives its time in ms, and whether it ended by itself within `limitMs`. */
export async function timed(command, args, options = {}) {
  const started = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: options.cwd });
  let output = '';
  let errors = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  child.stderr.on('data', (text) => {
    errors += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), options.limitMs ?? 300_000);
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  return { ms: performance.now() - started, ended: code === 0 || code === 3, code, output, errors };
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Also of millions of values. */
export function longest(values) {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

/** CPU seconds of a process and its children until now. */
export function cpuSeconds(pid) {
  let ticks = 0;
  for (const one of [pid, ...childrenOf(pid)]) {
    try {
      const stat = readFileSync(`/proc/${one}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has ended.
    }
  }
  return ticks / 100;
}

function childrenOf(pid) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
      } catch {
        return false;
      }
    });
}

export function print(title, columns, rows) {
  console.log(`\n${title}\n`);
  console.log(`| ${columns.join(' | ')} |`);
  console.log(`|${columns.map(() => ' --- ').join('|')}|`);
  for (const row of rows) console.log(`| ${row.join(' | ')} |`);
}
