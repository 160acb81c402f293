import { createHash } from 'node:crypto';
import { TradedbError } from '../../error.ts';
import { isKeyword, isTrivia, tokenize } from '../../schema/sql-lexer.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { Statement } from '../../sqlite/statement.ts';
import { median } from '../../statistics/percentile.ts';
import { hasTable } from '../settings/file-facts.ts';
import { bindable } from './bind-values.ts';
import type { Digest, RepeatLimits, Slice, SliceSet, Target, Timing } from './measure-protocol.ts';

type Arrangement = Pick<Target, 'hidden' | 'plain'>;

/**
 * Runs `work` in a transaction in which the hidden indexes do not exist, and takes everything back. Their rows are taken
 * out of the schema and the schema is read again: nothing is freed, read or written of the indexes themselves, so that
 * it costs the same for an index of any size, and the rollback leaves the copy as it was.
 */
function withHidden<T>(connection: Connection, { hidden, plain }: Arrangement, work: () => T): T {
  const changed = hidden.length > 0 || plain === true;
  connection.begin();
  try {
    // A DELETE of a parent row is checked as ever, but does not fail: it is taken back anyway.
    connection.pragma('defer_foreign_keys = ON');
    if (changed) arrange(connection, hidden, plain === true);
    return work();
  } finally {
    if (connection.inTransaction) connection.rollback();
    if (changed) connection.pragma('writable_schema = RESET');
  }
}

function arrange(connection: Connection, names: readonly string[], plain: boolean): void {
  const list = JSON.stringify(names);
  connection.pragma('writable_schema = ON');
  connection.run("DELETE FROM sqlite_schema WHERE type = 'index' AND name IN (SELECT value FROM json_each(?))", [list]);
  for (const table of ['sqlite_stat1', 'sqlite_stat4']) {
    if (hasTable(connection, table)) {
      connection.run(`DELETE FROM ${table} WHERE idx IN (SELECT value FROM json_each(?))`, [list]);
    }
  }
  if (plain && hasTable(connection, 'sqlite_stat4')) connection.run('DELETE FROM sqlite_stat4');
  connection.pragma('writable_schema = RESET');
}

function withPragmas<T>(connection: Connection, pragmas: readonly string[], work: () => T): T {
  const before = pragmas.map((text) => {
    const name = text.split('=', 1)[0] ?? '';
    const old = connection.pragmaValue(name);
    connection.pragma(text);
    return [name, old] as const;
  });
  try {
    return work();
  } finally {
    // case_sensitive_like tells no value; its default is off.
    for (const [name, old] of before) connection.pragma(`${name} = ${old ?? 0}`);
  }
}

type TimedTarget = Target & RepeatLimits;

/** What this process has used so far; the entry tells it. */
export type ProcessUse = () => { readonly cpuMs: number; readonly diskReads: number };

/**
 * The best of several executions: at least 3 unless one alone takes seconds. Writes are taken back. A
 * captured INSERT whose row is there already is timed as one that replaces it.
 */
export function timeStatement(connection: Connection, target: TimedTarget, used: ProcessUse): Timing {
  try {
    return timeAsIs(connection, target, used);
  } catch (error) {
    const replacing = asReplace(target.sql);
    const collided = error instanceof TradedbError && error.code === 'constraint_violation';
    if (!collided || replacing === undefined) throw error;
    return timeAsIs(connection, { ...target, sql: replacing }, used);
  }
}

/** `INSERT INTO` as `INSERT OR REPLACE INTO`; undefined for every other statement. */
function asReplace(sql: string): string | undefined {
  const [first, second] = tokenize(sql).filter((token) => !isTrivia(token));
  if (!isKeyword(first, 'INSERT') || !isKeyword(second, 'INTO') || first === undefined) return undefined;
  return `${sql.slice(0, first.end)} OR REPLACE${sql.slice(first.end)}`;
}

function timeAsIs(connection: Connection, target: TimedTarget, used: ProcessUse): Timing {
  return withPragmas(connection, target.pragmas, () =>
    withHidden(connection, target, () => {
      const statement = connection.prepare(target.sql);
      const once = statement.readOnly
        ? () => readOnce(connection, statement.asArrays(), target)
        : () => writeOnce(connection, target);
      const { clock } = connection.ports;
      const started = clock.now();
      let best = Number.POSITIVE_INFINITY;
      let rows = 0;
      let executions = 0;
      while (executions < target.executions) {
        const before = used();
        const { ms, rows: found } = once();
        const busy = ms < shortMs ? ms : busyMs(ms, before, used());
        best = Math.min(best, busy);
        rows = found;
        executions += 1;
        if (executions >= tellsEnough(best) && best > (target.enoughMs ?? Number.POSITIVE_INFINITY)) break;
        if (executions >= fewest(best) && clock.now() - started > target.spendMs) break;
      }
      return { bestMs: best, executions, rows };
    }),
  );
}

/** Executions after which a statement that is known to be too slow is left; the first of a short one is always slow. */
function tellsEnough(bestMs: number): number {
  return bestMs > 10 ? 1 : 5;
}

/** A statement this short is hardly ever interrupted, and best of many. */
const shortMs = 1;

type Use = ReturnType<ProcessUse>;

/** Time that an execution was at work: what it waited for other programs is not its own, what it waited for the disk is. */
function busyMs(ms: number, before: Use, after: Use): number {
  return after.diskReads > before.diskReads ? ms : Math.min(ms, after.cpuMs - before.cpuMs);
}

/**
 * The first execution reads from the disk what the others find in memory, so that one alone tells too much of a short
 * statement; a long one warms itself up.
 */
function fewest(bestMs: number): number {
  if (bestMs > 400) return 1;
  return bestMs > 40 ? 2 : 3;
}

function readOnce(connection: Connection, statement: Statement, target: Target): { ms: number; rows: number } {
  const values = bindable(target.sql, target.values);
  const { clock } = connection.ports;
  const started = clock.now();
  let rows = 0;
  for (const _ of statement.iterate(values)) rows += 1;
  return { ms: clock.now() - started, rows };
}

/**
 * Prepared anew each time, untimed: going back to a savepoint in a transaction that changed the schema makes SQLite
 * compile every statement again at its next run.
 */
function writeOnce(connection: Connection, target: Target): { ms: number; rows: number } {
  const values = bindable(target.sql, target.values);
  const { clock } = connection.ports;
  connection.exec('SAVEPOINT measured');
  try {
    const statement = connection.prepare(target.sql);
    const started = clock.now();
    const rows = statement.returnsRows ? statement.all(values).length : statement.run(values).changes;
    return { ms: clock.now() - started, rows };
  } finally {
    // A constraint with ON CONFLICT ROLLBACK has ended the transaction already.
    if (connection.inTransaction) connection.exec('ROLLBACK TO measured; RELEASE measured');
  }
}

const fewestInSlice = 3;

/** Executions one after another, the parameter sets in turn. `cpuMs` tells the CPU time that the process has used. */
export function runSlice(
  connection: Connection,
  slice: {
    readonly sets: readonly SliceSet[];
    readonly pragmas: readonly string[];
    readonly hidden: readonly string[];
    readonly sliceMs: number;
  },
  cpuMs: () => number,
): Slice {
  return withPragmas(connection, slice.pragmas, () =>
    withHidden(connection, slice, () => {
      const runs = slice.sets.map((set) => {
        const target = { ...set, pragmas: [], hidden: [] };
        const statement = connection.prepare(set.sql);
        return statement.readOnly
          ? () => readOnce(connection, statement.asArrays(), target).ms
          : () => writeOnce(connection, target).ms;
      });
      const { clock } = connection.ports;
      const times: number[] = [];
      const started = clock.now();
      const cpuStarted = cpuMs();
      while (times.length < fewestInSlice || clock.now() - started < slice.sliceMs) {
        const run = runs[times.length % runs.length];
        if (run === undefined) break;
        times.push(run());
      }
      return { p50Ms: median(times), cpuMs: (cpuMs() - cpuStarted) / times.length, executions: times.length };
    }),
  );
}

/** Rows of a query as a number and a digest: the sum of the digests of all rows, so that their order does not count. */
export function digestRows(connection: Connection, target: Target): Digest {
  return withPragmas(connection, target.pragmas, () =>
    withHidden(connection, target, () => {
      const statement = connection.prepare(target.sql).withBigIntegers().asArrays();
      let rows = 0;
      let sum = 0n;
      for (const row of statement.iterate<unknown[]>(bindable(target.sql, target.values))) {
        rows += 1;
        sum += createHash('sha256').update(rowText(row)).digest().readBigUInt64LE();
      }
      return { rows, digest: BigInt.asUintN(64, sum).toString(16) };
    }),
  );
}

function rowText(row: readonly unknown[]): string {
  return JSON.stringify(
    row.map((value) => {
      if (typeof value === 'bigint') return `i${value}`;
      if (value instanceof Uint8Array) return `b${Buffer.from(value).toString('hex')}`;
      return typeof value === 'string' ? `t${value}` : value;
    }),
  );
}
