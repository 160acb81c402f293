import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import type { Finding } from '../report.ts';
import type { CheckRow } from './check.ts';
import { type PhaseResult, statusOf } from './file-phase.ts';
import type { HealthRequest } from './request.ts';
import type { SqlJob, SqlJobResult } from './sql/sql-job.ts';
import type { SqlSession } from './sql/sql-session.ts';
import type { HealthTarget } from './target.ts';

export interface SqlPhaseResult extends PhaseResult {
  /** The database stayed locked until the timeout. */
  readonly locked: boolean;
}

/**
 * Runs checks with SQL: in place when somebody is connected, because their `-wal` and `-shm` exist anyway, otherwise on a
 * private copy, so that no file appears beside the database.
 */
export async function runSqlChecks(
  jobs: readonly SqlJob[],
  session: SqlSession,
  target: HealthTarget,
  request: HealthRequest,
  context: OperationContext,
): Promise<SqlPhaseResult> {
  const live = (target.holders?.length ?? 0) > 0;
  const { makePrivateCopy } = await import('./sql/private-copy.ts');
  const copy = live ? undefined : await makePrivateCopy(target, request, context);
  if (typeof copy === 'string') return withoutRunning(jobs, 'skipped', copy);
  const wantsCopy = live && request.deepOn !== 'live' && jobs.some(({ tier }) => tier === 'deep');
  const scratch = wantsCopy ? await scratchFolder(target, request) : undefined;
  try {
    try {
      await session.open(copy?.path ?? target.path, copy?.needsRecovery === true, request.busyTimeoutMs);
      // A long check on the live file would hold back its checkpoints.
      if (scratch !== undefined) await session.useCopy(join(scratch, 'copy.db'));
    } catch (error) {
      return openFailed(jobs, error);
    }
    return await runAll(jobs, session, live && scratch === undefined ? 'live' : 'copy');
  } finally {
    // The child must be gone before the files that it has open.
    await session.close();
    copy?.remove();
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
  }
}

async function scratchFolder(target: HealthTarget, request: HealthRequest): Promise<string | undefined> {
  if (target.sizeBytes > request.copyLimitBytes) return undefined;
  return mkdtemp(join(request.temporaryDirectory, 'tradedb-health-'));
}

/** Runs the deep checks on the newest backup, restored for it: they prove the backup, and cost the live file nothing. */
export async function runOnBackup(
  jobs: readonly SqlJob[],
  session: SqlSession,
  request: HealthRequest,
): Promise<SqlPhaseResult> {
  const evidence = (await request.facts.pageEvidence?.()) ?? 'no backup repository is there';
  if (typeof evidence === 'string') return withoutRunning(jobs, 'skipped', evidence);
  const bytes = evidence.pageCount * evidence.pageSizeBytes;
  if (bytes > request.copyLimitBytes)
    return withoutRunning(jobs, 'skipped', 'the backup is larger than health.copyLimit');
  const folder = await mkdtemp(join(request.temporaryDirectory, 'tradedb-health-'));
  try {
    const path = join(folder, 'backup.db');
    await evidence.restore(path);
    await session.open(path, false, request.busyTimeoutMs);
    return await runAll(jobs, session, 'backup');
  } catch (error) {
    return openFailed(jobs, error);
  } finally {
    await session.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runAll(jobs: readonly SqlJob[], session: SqlSession, ranOn: RanOn): Promise<SqlPhaseResult> {
  const rows: CheckRow[] = [];
  const findings: Finding[] = [];
  let locked = false;
  for (const batch of inBatches(jobs)) {
    try {
      const results = await runBatch(batch, session);
      findings.push(...results.flatMap((result) => result.findings));
      rows.push(...batch.flatMap((job, index) => toRow(job, results[index], ranOn)));
    } catch (error) {
      if (error instanceof TradedbError && error.code === 'cancelled') throw error;
      locked ||= error instanceof TradedbError && error.code === 'database_locked';
      rows.push(...withoutRunning(batch, 'unknown', error instanceof Error ? error.message : String(error)).rows);
    }
  }
  const damage = rows.some(({ id, status }) => provesDamage.has(id) && status === 'critical');
  return { rows, findings, damage, locked };
}

type RanOn = 'live' | 'copy' | 'backup';

const provesDamage: ReadonlySet<string> = new Set(['sqlite.quick', 'sqlite.integrity']);

/** One check each; the rules of the trading schema together, where the first of them stands. */
function inBatches(jobs: readonly SqlJob[]): SqlJob[][] {
  const trading = jobs.filter(({ work }) => work.kind === 'trading');
  return jobs.flatMap((job) => {
    if (job.work.kind !== 'trading') return [[job]];
    return job === trading[0] ? [trading] : [];
  });
}

async function runBatch(batch: readonly SqlJob[], session: SqlSession): Promise<readonly SqlJobResult[]> {
  const [first] = batch;
  if (first === undefined || first.work.kind === 'trading') return session.runTrading(batch);
  return [await session.run(first)];
}

function toRow(job: SqlJob, result: SqlJobResult | undefined, ranOn: RanOn): CheckRow[] {
  if (result === undefined) return [];
  const reason = result.skipped ?? result.unknown;
  return [
    {
      ...base(job),
      status: statusOf(result),
      summary: result.summary,
      ...(result.value === undefined ? {} : { value: result.value, unit: 'count' }),
      durationMs: result.durationMs,
      ranOn,
      ...(reason === undefined ? {} : { reason }),
    },
  ];
}

function openFailed(jobs: readonly SqlJob[], error: unknown): SqlPhaseResult {
  if (!(error instanceof TradedbError) || error.code === 'cancelled') throw error;
  const first = jobs[0];
  if (first !== undefined && (error.code === 'database_corrupt' || error.code === 'not_a_database')) {
    const rest = withoutRunning(jobs.slice(1), 'skipped', 'the database cannot be opened');
    const found: Finding = { id: first.id, severity: 'critical', message: error.message };
    const row: CheckRow = { ...base(first), status: 'critical', summary: error.message, durationMs: 0, ranOn: 'none' };
    return { rows: [row, ...rest.rows], findings: [found], damage: true, locked: false };
  }
  return { ...withoutRunning(jobs, 'unknown', error.message), locked: error.code === 'database_locked' };
}

/** Rows of checks that were not run, with the reason. */
export function withoutRunning(jobs: readonly SqlJob[], status: 'skipped' | 'unknown', reason: string): SqlPhaseResult {
  const rows = jobs.map(
    (job): CheckRow => ({ ...base(job), status, summary: reason, durationMs: 0, ranOn: 'none', reason }),
  );
  return { rows, findings: [], damage: false, locked: false };
}

function base({ id, tier, cost }: SqlJob): Pick<CheckRow, 'id' | 'tier' | 'cost'> {
  return { id, tier, cost };
}
