import { realpathSync } from 'node:fs';
import type { OperationContext } from '../context.ts';
import { TradedbError, throwIfCancelled } from '../error.ts';
import { type Connection, openReadWrite } from '../sqlite/connection.ts';
import { requireDatabaseFile } from '../sqlite/database-file.ts';
import { normalProfile } from '../sqlite/pragma-profile.ts';
import { quoteIdentifier } from '../sqlite/quote-identifier.ts';
import { openWithoutTrace } from './open-without-trace.ts';

export interface OptimizeRequest {
  readonly database: string;
  /** Rows per index that ANALYZE reads; 0: all. */
  readonly analysisLimit: number;
  /** Only these tables, stale or not; empty: those that are stale. */
  readonly tables: readonly string[];
  /** Every table, stale or not. */
  readonly all: boolean;
  readonly busyTimeoutMs: number;
  readonly dryRun: boolean;
}

export interface OptimizedTable {
  readonly name: string;
  readonly reason: 'no statistics' | 'statistics are stale' | 'asked for' | 'statistics are good';
  /** In a dry run: it would be. */
  readonly analysed: boolean;
  /** What the planner believes; null without statistics. */
  readonly estimatedRowsBefore: number | null;
  /** Null in a dry run and for a table that was left alone. */
  readonly estimatedRowsAfter: number | null;
}

/** A query and how SQLite means to run it. */
export interface QueryPlan {
  readonly name: string;
  readonly sql: string;
  /** Lines of EXPLAIN QUERY PLAN, indented. */
  readonly plan: string;
}

/** Plans the queries that matter to the operator; only reads. */
export interface PlanProbe {
  plans(connection: Connection): readonly QueryPlan[];
  /** Full scans, temporary b-trees and automatic indexes that only the second plan has. */
  gained(before: QueryPlan, after: QueryPlan, connection: Connection): readonly string[];
}

export interface ChangedPlan {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  /** Why the new plan looks worse; empty when it does not. */
  readonly gained: readonly string[];
}

/** The data of the report of `vacuum optimize`. */
export interface OptimizeResult {
  readonly database: string;
  readonly dryRun: boolean;
  readonly analysisLimit: number;
  readonly tables: readonly OptimizedTable[];
  /** Plans of the workload before and after; null without a workload, and in a dry run. */
  readonly plans: { readonly compared: number; readonly changed: readonly ChangedPlan[] } | null;
  readonly workMs: number;
}

/** Only lists what it would do / looks at every table, not only at those this connection has used. */
const listStale = 'optimize(0x10003)';

/** Refreshes the planner's statistics where they are missing or stale. Writes nothing but the statistics tables. */
export function optimize(
  request: OptimizeRequest,
  context: OperationContext,
  probe: PlanProbe | undefined = undefined,
): OptimizeResult {
  requireDatabaseFile(request.database);
  const database = realpathSync(request.database);
  const settings = { ...context, busyTimeoutMs: request.busyTimeoutMs };
  const connection = request.dryRun
    ? openWithoutTrace(database, settings)
    : openReadWrite(database, { ...normalProfile, foreignKeys: false }, settings);
  try {
    const started = context.clock.now();
    const tables = planTables(connection, request);
    const before = request.dryRun ? undefined : probe?.plans(connection);
    const done = request.dryRun ? tables : analyse(connection, tables, request, context);
    return {
      database,
      dryRun: request.dryRun,
      analysisLimit: request.analysisLimit,
      tables: done,
      plans: before === undefined || probe === undefined ? null : comparePlans(connection, before, probe),
      workMs: context.clock.now() - started,
    };
  } finally {
    connection.close();
  }
}

function comparePlans(
  connection: Connection,
  before: readonly QueryPlan[],
  probe: PlanProbe,
): NonNullable<OptimizeResult['plans']> {
  // A connection plans with the statistics that it read first.
  connection.exec('ANALYZE sqlite_schema');
  const after = probe.plans(connection);
  const changed = after.flatMap((now, index) => {
    const then = before[index];
    if (then === undefined || then.plan === now.plan) return [];
    return [{ name: now.name, before: then.plan, after: now.plan, gained: probe.gained(then, now, connection) }];
  });
  return { compared: after.length, changed };
}

function planTables(connection: Connection, request: OptimizeRequest): OptimizedTable[] {
  const names = connection
    .all<{ name: string }>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )
    .map(({ name }) => name);
  for (const wanted of request.tables) {
    if (names.includes(wanted)) continue;
    throw new TradedbError('usage', `there is no table ${JSON.stringify(wanted)}`, {
      hint: names.length === 0 ? 'the database has no tables' : `tables: ${names.slice(0, 10).join(', ')}`,
    });
  }
  const believed = estimatedRows(connection);
  const stale = staleTables(connection);
  for (const [name, rows] of believed) if (names.includes(name) && farFrom(connection, name, rows)) stale.add(name);
  return names
    .filter((name) => request.tables.length === 0 || request.tables.includes(name))
    .map((name) => {
      const before = believed.get(name) ?? null;
      const asked = request.all || request.tables.length > 0;
      const reason = asked
        ? 'asked for'
        : !stale.has(name)
          ? 'statistics are good'
          : before === null
            ? 'no statistics'
            : 'statistics are stale';
      return {
        name,
        reason,
        analysed: asked || stale.has(name),
        estimatedRowsBefore: before,
        estimatedRowsAfter: null,
      };
    });
}

/** SQLite's own judgement, read from the statements it would run. */
function staleTables(connection: Connection): Set<string> {
  const statements = connection.pragma(listStale).map((row) => String(Object.values(row)[0]));
  const names = statements.map((sql) => /^ANALYZE "main"\.(.+)$/s.exec(sql)?.[1] ?? '');
  return new Set(names.map((quoted) => quoted.replace(/^"(.*)"$/s, (_, inner: string) => inner.replaceAll('""', '"'))));
}

/** A table that grew or shrank by this factor has other plans. */
const farFactor = 3;

/**
 * SQLite's judgement descends along one edge of the tree and misses much growth, so the rows are counted, up to a few
 * times what is believed. Not where the range of row ids agrees with the belief already.
 */
function farFrom(connection: Connection, name: string, believed: number): boolean {
  const quoted = quoteIdentifier(name);
  const span = rowIdSpan(connection, quoted);
  if (span !== undefined && span >= believed / 2 && span <= believed * 2) return false;
  const limit = believed * (farFactor + 1) + 1000;
  const rows = Number(connection.value(`SELECT count(*) FROM (SELECT 1 FROM ${quoted} LIMIT ?)`, [limit]));
  return rows > believed * farFactor + 100 || rows * farFactor + 100 < believed;
}

/** Undefined for a table WITHOUT ROWID. */
function rowIdSpan(connection: Connection, quoted: string): number | undefined {
  try {
    const row = connection.get<{ low: number | null; high: number | null }>(
      `SELECT (SELECT min(_rowid_) FROM ${quoted}) AS low, (SELECT max(_rowid_) FROM ${quoted}) AS high`,
    );
    return row?.low == null || row.high === null ? 0 : row.high - row.low + 1;
  } catch (error) {
    if (error instanceof TradedbError && error.code === 'sql_error') return undefined;
    throw error;
  }
}

/** Rows per table by `sqlite_stat1`, whose text begins with the count; empty without the table. */
function estimatedRows(connection: Connection): Map<string, number> {
  const known = connection.value("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'");
  if (known === 0) return new Map();
  const rows = connection.all<{ tbl: string; stat: string }>('SELECT tbl, stat FROM sqlite_stat1');
  const estimates = new Map<string, number>();
  for (const { tbl, stat } of rows) {
    const count = Number.parseInt(stat, 10);
    if (Number.isFinite(count)) estimates.set(tbl, Math.max(estimates.get(tbl) ?? 0, count));
  }
  return estimates;
}

function analyse(
  connection: Connection,
  tables: readonly OptimizedTable[],
  request: OptimizeRequest,
  context: OperationContext,
): OptimizedTable[] {
  const due = tables.filter((table) => table.analysed);
  const task = context.progress.start({ id: 'optimize', label: 'analyse', unit: 'steps', total: due.length });
  try {
    connection.pragma(`analysis_limit = ${request.analysisLimit}`);
    for (const { name } of due) {
      throwIfCancelled(context.signal);
      connection.tx(() => connection.exec(`ANALYZE main.${quoteIdentifier(name)}`), { name: 'analyze' });
      task.advance(1);
    }
    const after = estimatedRows(connection);
    return tables.map((table) =>
      table.analysed ? { ...table, estimatedRowsAfter: after.get(table.name) ?? null } : table,
    );
  } finally {
    task.done();
  }
}
