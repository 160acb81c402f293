import type { OperationContext } from '../context.ts';
import { TradedbError, throwIfCancelled } from '../error.ts';
import type { Finding } from '../report.ts';
import { requireDatabaseFile } from '../sqlite/database-file.ts';
import type { CheckInput, CheckRow } from './check.ts';
import { runFileChecks } from './file-phase.ts';
import { buildData, type HealthData } from './health-data.ts';
import { nextState } from './next-state.ts';
import { fileChecks, sqliteJobs } from './registry.ts';
import { type HealthRequest, isSelected, quickTimeoutMs } from './request.ts';
import { loadRunState, type RunState, runStatePath, saveRunState } from './run-state.ts';
import { tableNames } from './schema-pages.ts';
import type { SqlJob } from './sql/sql-job.ts';
import type { SqlPhaseResult } from './sql-phase.ts';
import type { ConfirmedScan } from './structure/confirm.ts';
import { gatherTarget, type HealthTarget } from './target.ts';
import { dueTier, includesTier, type Tier } from './tier.ts';

export interface HealthResult {
  readonly data: HealthData;
  readonly findings: readonly Finding[];
}

/**
 * One health run: facts, checks of the files, and then, unless they prove damage, checks with SQL in a child process. The
 * database and the files beside it stay as they are; what the next run needs to know is kept in the state directory.
 */
export async function runHealth(request: HealthRequest, context: OperationContext): Promise<HealthResult> {
  requireDatabaseFile(request.path);
  const target = gatherTarget(request.path);
  try {
    return await examine(target, request, context);
  } finally {
    target.files.close();
  }
}

async function examine(target: HealthTarget, request: HealthRequest, context: OperationContext): Promise<HealthResult> {
  const statePath = runStatePath(request.stateDirectory, target);
  const previous = loadRunState(statePath);
  const now = context.clock.wallTime();
  const tier = request.tier === 'due' ? dueTier(previous.tierRuns, request.schedule, now) : request.tier;
  const jobs = await chooseJobs(target, tier, request);
  const { due, remembered } = splitByMemory(jobs, tier, previous, { mark: target.mark, now });
  // The child boots on another core while the pages are read here.
  const session = due.length === 0 ? undefined : await startSession(request, tier, context);
  try {
    const scanner = lazyScan(target, previous, request, context);
    const input: CheckInput = { target, scan: scanner.scan, previous, context, ...request };
    const files = await runFileChecks(request, tier, input);
    const sql = await sqlPhase(due, session, { target, request, context, damage: files.damage });
    const rows = [...files.rows, ...remembered, ...sql.rows];
    const findings = [...files.findings, ...sql.findings];
    const state = nextState({ previous, target, tier, rows, scan: scanner.made(), now });
    if (request.keepState) keep(statePath, state, context);
    const outcome = { damage: files.damage || sql.damage, locked: sql.locked };
    return {
      data: buildData({
        target,
        tier,
        rows,
        scan: scanner.made()?.scan,
        state,
        previous,
        schedule: request.schedule,
        now,
        ...outcome,
      }),
      findings,
    };
  } finally {
    await session?.close();
  }
}

async function chooseJobs(target: HealthTarget, tier: Tier, request: HealthRequest): Promise<SqlJob[]> {
  const tables = tableNames(target);
  const rules = await request.rules(tables);
  refuseUnknown(request.only, [
    ...fileChecks.map(({ check }) => check.id),
    ...[...sqliteJobs, ...rules].map(({ id }) => id),
  ]);
  return [...sqliteJobs, ...rules].filter((job) => includesTier(tier, job.tier) && isSelected(job.id, request));
}

/** A misspelt check would otherwise be a check that is always ok. */
function refuseUnknown(only: readonly string[], known: readonly string[]): void {
  const wrong = only.find((glob) => !known.some((id) => isSelected(id, { only: [glob], skip: [] })));
  if (wrong === undefined) return;
  throw new TradedbError('usage', `no check is called ${JSON.stringify(wrong)}`, { hint: 'see: tradedb health rules' });
}

/** Some rules look at the time, so that an unchanged database can begin to break them. */
const memoryMs = 3_600_000;

/**
 * The quick tier runs a cheap rule only when the database changed since the rule was last found kept: the rows are the
 * same, and starting SQLite costs more than all other checks together.
 */
function splitByMemory(
  jobs: readonly SqlJob[],
  tier: Tier,
  previous: RunState,
  current: { readonly mark: string; readonly now: number },
): { due: SqlJob[]; remembered: CheckRow[] } {
  const due: SqlJob[] = [];
  const remembered: CheckRow[] = [];
  for (const job of jobs) {
    const memory = previous.checks[job.id];
    const isFresh = memory?.mark === current.mark && current.now - memory.at < memoryMs;
    if (tier !== 'quick' || memory?.status !== 'ok' || !isFresh) {
      due.push(job);
      continue;
    }
    const { id, cost } = job;
    const summary = `${memory.summary} (nothing changed since)`;
    remembered.push({ id, tier: job.tier, cost, status: 'ok', summary, durationMs: 0, ranOn: 'none' });
  }
  return { due, remembered };
}

async function startSession(request: HealthRequest, tier: Tier, context: OperationContext) {
  const { SqlSession } = await import('./sql/sql-session.ts');
  return new SqlSession(context, request.timeoutMs ?? (tier === 'quick' ? quickTimeoutMs : request.longTimeoutMs));
}

async function sqlPhase(
  due: readonly SqlJob[],
  session: Awaited<ReturnType<typeof startSession>> | undefined,
  run: { target: HealthTarget; request: HealthRequest; context: OperationContext; damage: boolean },
): Promise<SqlPhaseResult> {
  if (session === undefined) return nothingRun;
  const { runSqlChecks, withoutRunning } = await import('./sql-phase.ts');
  if (run.damage) return withoutRunning(due, 'skipped', 'the file is damaged: SQLite must not open it');
  const { request, context, target } = run;
  if (request.deepOn !== 'backup') return runSqlChecks(due, session, target, request, context);
  const [deep, other] = [due.filter(({ tier }) => tier === 'deep'), due.filter(({ tier }) => tier !== 'deep')];
  const { runOnBackup } = await import('./sql-phase.ts');
  const first = other.length === 0 ? nothingRun : await runSqlChecks(other, session, target, request, context);
  if (deep.length === 0) return first;
  const second = await startSession(request, 'deep', context);
  return joined(first, await runOnBackup(deep, second, request));
}

const nothingRun: SqlPhaseResult = { rows: [], findings: [], damage: false, locked: false };

function joined(a: SqlPhaseResult, b: SqlPhaseResult): SqlPhaseResult {
  return {
    rows: [...a.rows, ...b.rows],
    findings: [...a.findings, ...b.findings],
    // A damaged backup says nothing about the database itself.
    damage: a.damage,
    locked: a.locked || b.locked,
  };
}

/** The page scan is made at most once, when the first check asks for it. */
function lazyScan(target: HealthTarget, previous: RunState, request: HealthRequest, context: OperationContext) {
  let pending: Promise<ConfirmedScan> | undefined;
  let made: ConfirmedScan | undefined;
  const start = async (): Promise<ConfirmedScan> => {
    const { scanConfirmed } = await import('./structure/confirm.ts');
    made = await scanConfirmed(target, {
      clock: context.clock,
      budgetMs: request.scanBudgetMs,
      firstPage: previous.scan?.nextPage ?? 1,
      throwIfCancelled: () => throwIfCancelled(context.signal),
    });
    return made;
  };
  return {
    scan: (): Promise<ConfirmedScan> => {
      pending ??= start();
      return pending;
    },
    made: () => made,
  };
}

function keep(path: string, state: RunState, context: OperationContext): void {
  try {
    saveRunState(path, state, context.random.next().toString(36).slice(2));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    context.log.warn(`the run state cannot be kept, so the next run cannot compare: ${reason}`);
  }
}
