import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../backup/manifest/manifest.ts';
import type { Repository } from '../backup/repository/repository.ts';
import type { LeaseTimes } from '../backup/repository/repository-lease.ts';
import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import type { LeaseOwner } from '../lease.ts';
import { openReadOnly } from '../sqlite/connection.ts';
import { applyState } from './apply-state.ts';
import { checkDatabase } from './check.ts';
import type { ReplayRoute } from './point-in-time.ts';
import { whileReadingWay } from './reading.ts';

/** A query with the value that its first column must have in the first row. */
export interface DrillQuery {
  readonly name: string;
  readonly sql: string;
  /** Compared as text; undefined: it only has to run. */
  readonly expect?: string | undefined;
}

export interface DrillRequest {
  readonly repository: Repository;
  readonly lineage: readonly Manifest[];
  /** Commits behind the point; undefined: the point as it is. */
  readonly route?: ReplayRoute | undefined;
  /** Existing folder in which the scratch place is made. */
  readonly folder: string;
  readonly check: 'quick' | 'full';
  readonly workers: number;
  readonly owner: LeaseOwner;
  readonly leases?: LeaseTimes;
  readonly queries: readonly DrillQuery[];
  readonly keepFiles?: boolean;
}

export interface DrillResult {
  readonly pointId: string;
  /** From the order to restore to a checked file. */
  readonly rtoMs: number;
  readonly phasesMs: { readonly apply: number; readonly check: number; readonly queries: number };
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Empty: the restored database is sound. */
  readonly problems: readonly string[];
  readonly queries: readonly {
    readonly name: string;
    readonly passed: boolean;
    readonly expected: string | null;
    readonly actual: string;
  }[];
  /** The restored file, when it was to be kept. */
  readonly file: string | null;
}

/** Restores a state to a scratch place for real, lets SQLite check it and runs queries on it. */
export async function drillPoint(request: DrillRequest, context: OperationContext): Promise<DrillResult> {
  await statfs(request.folder).catch((error: unknown) => {
    throw new TradedbError('file_not_found', `the folder ${JSON.stringify(request.folder)} does not exist`, {
      cause: error,
    });
  });
  const scratch = await mkdtemp(join(request.folder, 'tradedb-drill-'));
  const file = join(scratch, 'restored.db');
  const keep = request.keepFiles === true;
  try {
    const started = context.clock.now();
    const reader = { ...request, route: request.route, purpose: 'restore drill' };
    const applied = await whileReadingWay(reader, context, (route) => {
      return applyOrProblem({ ...request, route, file }, context);
    });
    const appliedAt = context.clock.now();
    const problems =
      applied.problem !== undefined ? [applied.problem] : await checkDatabase(file, request.check, context);
    const checkedAt = context.clock.now();
    const queries = problems.length === 0 ? runQueries(file, request.queries, context) : [];
    const end = context.clock.now();
    return {
      pointId: request.lineage.at(-1)?.id ?? '',
      rtoMs: checkedAt - started,
      phasesMs: { apply: appliedAt - started, check: checkedAt - appliedAt, queries: end - checkedAt },
      bytesRead: applied.bytesRead,
      bytesWritten: applied.bytesWritten,
      problems,
      queries,
      file: keep ? file : null,
    };
  } finally {
    if (!keep) await rm(scratch, { recursive: true, force: true });
  }
}

async function applyOrProblem(request: DrillRequest & { file: string }, context: OperationContext) {
  try {
    return { ...(await applyState(request, context)), problem: undefined };
  } catch (error) {
    if (!(error instanceof TradedbError) || error.code !== 'checksum_mismatch') throw error;
    return { bytesRead: 0, bytesWritten: 0, problem: error.message };
  }
}

function runQueries(file: string, queries: readonly DrillQuery[], context: OperationContext): DrillResult['queries'] {
  if (queries.length === 0) return [];
  const connection = openReadOnly(file, context);
  try {
    return queries.map(({ name, sql, expect }) => {
      try {
        const value = connection.value(sql);
        const actual = value === undefined ? 'no row' : String(value);
        return { name, passed: expect === undefined || actual === expect, expected: expect ?? null, actual };
      } catch (error) {
        if (!(error instanceof TradedbError)) throw error;
        return { name, passed: false, expected: expect ?? null, actual: `failed: ${error.message}` };
      }
    });
  } finally {
    connection.close();
  }
}
