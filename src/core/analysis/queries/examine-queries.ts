import { statSync } from 'node:fs';
import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import type { Finding } from '../../report.ts';
import { type Connection, openReadOnly, requireDatabaseFile } from '../../sqlite/connection.ts';
import { openScratch } from '../../sqlite/scratch.ts';
import { MeasureClient } from '../cost/measure-client.ts';
import { type ScratchRequest, withScratchCopy } from '../cost/scratch-copy.ts';
import { costIsUsable } from '../query-plan/cost-self-test.ts';
import { planText } from '../query-plan/plan.ts';
import { planCost } from '../query-plan/plan-cost.ts';
import { planFacts } from '../query-plan/plan-facts.ts';
import { hasTable } from '../settings/file-facts.ts';
import { countRows, recordedRows } from '../settings/statistics-age.ts';
import { createShadow } from '../shadow/shadow-database.ts';
import { withoutValues } from '../workload/fingerprint.ts';
import type { SkippedStatements, Workload, WorkloadQuery } from '../workload/workload.ts';
import { type PlannedQuery, type Planners, planQuery, statementFault } from './plan-query.ts';
import { queryFindings } from './query-finding.ts';
import type { QueryReport } from './query-report.ts';
import { type QueryTime, timeQuery } from './time-query.ts';

export interface QueriesRequest extends ScratchRequest {
  readonly workload: Workload;
  readonly timeLimitMs: number;
  /** Larger databases are not copied: plans only, no times. */
  readonly copyLimitBytes: number;
  readonly sort: 'total' | 'mean' | 'cost';
  readonly showParameters: boolean;
}

export interface QueriesData {
  readonly path: string;
  readonly workload: { readonly files: readonly string[]; readonly statements: number; readonly period: string | null };
  readonly skipped: readonly SkippedStatements[];
  /** Slowest first, by the chosen order. */
  readonly queries: readonly QueryReport[];
  /** False when the database is too large for a copy. */
  readonly measured: boolean;
  /** False when a statement has no plan, or the time did not suffice for all. */
  readonly complete: boolean;
}

/** Plans every statement of a workload and times it on a private copy, in a child that is killed when it takes too long. */
export async function examineQueries(
  request: QueriesRequest,
  context: OperationContext,
): Promise<{ data: QueriesData; findings: Finding[] }> {
  requireDatabaseFile(request.path);
  if (statSync(request.path).size > request.copyLimitBytes) return examineShadow(request, context);
  return withScratchCopy(request, context, async (copy) => {
    const connection = openScratch(copy.path, context);
    const client = new MeasureClient(copy, context);
    try {
      connection.pragma('journal_mode = WAL');
      connection.pragma('foreign_keys = ON');
      const counted = new Map<string, number>();
      const rowsOf = (table: string): number => {
        const rows = counted.get(table) ?? countRows(connection, table);
        counted.set(table, rows);
        return rows;
      };
      return await examineOn(connection, { request, context, rowsOf, client });
    } finally {
      await client.close();
      connection.close();
    }
  });
}

async function examineShadow(request: QueriesRequest, context: OperationContext) {
  const source = openReadOnly(request.path, { ...context, busyTimeoutMs: request.busyTimeoutMs });
  let shadow: Connection;
  let recorded: ReturnType<typeof recordedRows>;
  try {
    [shadow, recorded] = source.read(() => [createShadow(source, context), recordedRows(source)]);
  } finally {
    source.close();
  }
  try {
    const rowsOf = (table: string): number | null => {
      const rows = recorded.get(table);
      return rows === undefined ? null : Math.max(...rows.values());
    };
    return await examineOn(shadow, { request, context, rowsOf, client: undefined });
  } finally {
    shadow.close();
  }
}

interface Run {
  readonly request: QueriesRequest;
  readonly context: OperationContext;
  readonly rowsOf: (table: string) => number | null;
  readonly client: MeasureClient | undefined;
}

async function examineOn(connection: Connection, run: Run): Promise<{ data: QueriesData; findings: Finding[] }> {
  const { request, context } = run;
  const { workload } = request;
  const withoutStat4 = hasTable(connection, 'sqlite_stat4')
    ? createShadow(connection, context, { stat4: false })
    : undefined;
  const deadline = context.clock.now() + request.timeLimitMs;
  const tables = new Set(
    connection.all<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").map((row) => row.name),
  );
  const shape = { tables, costUsable: costIsUsable(context), run };
  const task = context.progress.start({
    id: 'queries',
    label: 'timing',
    unit: 'steps',
    total: workload.queries.length,
  });
  const reports: QueryReport[] = [];
  try {
    for (const query of workload.queries) {
      throwIfCancelled(context.signal);
      reports.push(await examineQuery(query, { main: connection, withoutStat4 }, { ...shape, deadline }));
      task.advance(1);
    }
  } finally {
    task.done();
    withoutStat4?.close();
  }
  const texts = new Map(workload.queries.map((query) => [query.fingerprint, query.sql]));
  const queries = sorted(reports, request.sort);
  return {
    data: {
      path: request.path,
      workload: { files: workload.files, statements: workload.queries.length, period: workload.period },
      skipped: workload.skipped,
      queries,
      measured: run.client !== undefined,
      complete: queries.every((query) => query.error === null && query.notTimed !== outOfTime),
    },
    findings: queries.flatMap((query) => queryFindings(query, texts.get(query.fingerprint) ?? '')),
  };
}

const outOfTime = 'the time limit was reached';

interface Frame {
  readonly tables: ReadonlySet<string>;
  readonly costUsable: boolean;
  readonly run: Run;
  readonly deadline: number;
}

async function examineQuery(query: WorkloadQuery, planners: Planners, frame: Frame): Promise<QueryReport> {
  const { request } = frame.run;
  const base = {
    fingerprint: query.fingerprint,
    name: query.name,
    sql: request.showParameters ? query.sql : withoutValues(query.sql),
    executions: query.weight,
    parameterSets: query.tuning.length + query.heldOut.length,
  };
  let planned: PlannedQuery;
  try {
    planned = planQuery(query, planners);
  } catch (error) {
    return { ...base, ...unplanned, error: statementFault(error) };
  }
  const facts = planFacts(planned.steps, query.sql, frame.tables);
  const time = await measure(planned, frame);
  const timed = typeof time === 'string' ? undefined : time;
  return {
    ...base,
    isWrite: planned.isWrite,
    totalMs: timed === undefined ? null : timed.meanMs * query.weight,
    meanMs: timed?.meanMs ?? null,
    medianMs: timed?.medianMs ?? null,
    rows: timed?.rows ?? null,
    plan: planned.steps.length === 0 ? [] : planText(planned.steps).split('\n'),
    cost: frame.costUsable ? planCost(planned.steps) : null,
    ...facts,
    fullScans: facts.fullScans.map((scan) => ({
      ...scan,
      rows: scan.table === null ? null : frame.run.rowsOf(scan.table),
    })),
    plans: planned.plans,
    planVariesByParameter: planned.plans > 1,
    planVariesWithoutStat4: planned.variesWithoutStat4,
    error: null,
    notTimed: typeof time === 'string' ? time : null,
  };
}

async function measure(planned: PlannedQuery, frame: Frame): Promise<QueryTime | string> {
  const { client, context, request } = frame.run;
  if (client === undefined) return 'the database is larger than analyze.copyLimit';
  const left = frame.deadline - context.clock.now();
  if (left <= 0) return outOfTime;
  return timeQuery(planned, client, Math.min(left, request.timeLimitMs / 4));
}

const unplanned = {
  isWrite: false,
  totalMs: null,
  meanMs: null,
  medianMs: null,
  rows: null,
  plan: [],
  cost: null,
  fullScans: [],
  tempBtrees: [],
  automaticIndexes: [],
  correlatedSubqueries: 0,
  skipScans: [],
  plans: 0,
  planVariesByParameter: false,
  planVariesWithoutStat4: false,
  notTimed: null,
};

function sorted(reports: readonly QueryReport[], by: QueriesRequest['sort']): QueryReport[] {
  const key = (report: QueryReport): number => {
    const value = by === 'cost' ? report.cost : by === 'mean' ? report.meanMs : report.totalMs;
    // What has no time is shown first: it is either broken or too slow to be timed.
    return value ?? Number.POSITIVE_INFINITY;
  };
  return [...reports].sort((a, b) => {
    const [left, right] = [key(a), key(b)];
    return left === right ? (b.cost ?? 0) - (a.cost ?? 0) : right - left;
  });
}
