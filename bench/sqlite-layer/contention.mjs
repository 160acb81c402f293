// Eight processes that write as fast as they can into one database on tmpfs: our retry against SQLite's busy_timeout.
// node bench/sqlite-layer/contention.mjs
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { median, target } from './measure.mjs';
import { bareTransactions, prepare } from './workload.mjs';

const writers = 8;
const windowMs = 1200;
const rounds = 5;
const policies = ['busy_timeout', 'tradedb'];

/** @typedef {{ operations: number, cpuMs: number, p99Ms: number, maxMs: number }} Report */
/** @typedef {{ perSecond: number, slowest: number, p99Ms: number, maxMs: number, cpuUs: number }} Outcome */

const { path, base } = prepare('memory', []);
const script = fileURLToPath(new URL('./contention-writer.mjs', import.meta.url));

/**
 * @param {string} policy
 * @param {number} round
 * @returns {Promise<Outcome>}
 */
async function run(policy, round) {
  const file = path(`${policy}-${round}`);
  copyFileSync(base, file);
  const children = Array.from({ length: writers }, (_, index) => fork(script, [file, policy, String(index)]));
  await Promise.all(children.map((child) => once(child, 'message')));
  const reports = children.map(async (child) => /** @type {Report} */ ((await once(child, 'message'))[0]));
  for (const child of children) child.send(windowMs);
  const all = await Promise.all(reports);
  const counts = all.map(({ operations }) => operations);
  const total = counts.reduce((sum, count) => sum + count, 0);
  return {
    perSecond: (total / windowMs) * 1000,
    slowest: Math.min(...counts) / Math.max(...counts),
    p99Ms: Math.max(...all.map(({ p99Ms }) => p99Ms)),
    maxMs: Math.max(...all.map(({ maxMs }) => maxMs)),
    cpuUs: (all.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / total) * 1000,
  };
}

/** @type {Map<string, Outcome[]>} */
const outcomes = new Map(policies.map((policy) => [policy, []]));
for (let round = 0; round < rounds; round++) {
  for (const policy of round % 2 ? policies.toReversed() : policies) {
    outcomes.get(policy)?.push(await run(policy, round));
  }
}

console.log(`${writers} writers, ${rounds} rounds of ${windowMs} ms, medians`);
console.log('policy          per second   slowest/fastest   worst p99 ms   longest ms   CPU us/op');
const of = (/** @type {string} */ policy, /** @type {keyof Outcome} */ key) =>
  median((outcomes.get(policy) ?? []).map((outcome) => outcome[key]));
for (const policy of policies) {
  const cells = [
    Math.round(of(policy, 'perSecond')).toLocaleString('en-US').padStart(12),
    of(policy, 'slowest').toFixed(2).padStart(17),
    of(policy, 'p99Ms').toFixed(1).padStart(14),
    of(policy, 'maxMs').toFixed(0).padStart(12),
    of(policy, 'cpuUs').toFixed(1).padStart(11),
  ];
  console.log(`${policy.padEnd(14)}${cells.join(' ')}`);
}
const ratio = (/** @type {keyof Outcome} */ key) =>
  median(
    (outcomes.get('tradedb') ?? []).map((own, round) => own[key] / (outcomes.get('busy_timeout')?.[round]?.[key] ?? 1)),
  );
target('rate', ratio('perSecond'), '>=', 1.3);
target('worst p99', ratio('p99Ms'), '<=', 1 / 8);
target('CPU', ratio('cpuUs'), '<=', 2.2);
target('slowest/fastest', of('tradedb', 'slowest'), '>=', 0.5);

// Why fair turns are slower than one process that keeps the lock: connections in one process that take turns by
// themselves, so nobody ever waits. A commit of another connection empties the page cache of this one.
console.log('\none process, nobody waits (per second)');
for (const [connections, turn] of [
  [1, 1],
  [writers, 1],
  [writers, 4],
  [writers, 64],
]) {
  const file = path(`turns-${connections}-${turn}`);
  copyFileSync(base, file);
  const steps = Array.from({ length: connections }, (_, index) => {
    const database = new Database(file, { timeout: 0 });
    database.pragma('synchronous = NORMAL');
    database.pragma('wal_autocheckpoint = 10000');
    return bareTransactions(database, index * 10_000_000);
  });
  let operations = 0;
  const start = performance.now();
  while (performance.now() - start < windowMs) {
    for (const step of steps) for (let index = 0; index < turn; index++) step();
    operations += connections * turn;
  }
  const perSecond = Math.round((operations / (performance.now() - start)) * 1000).toLocaleString('en-US');
  console.log(`  ${connections} connections, ${String(turn).padStart(2)} transactions a turn ${perSecond.padStart(9)}`);
}
