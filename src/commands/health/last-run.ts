import { realpathSync, statSync } from 'node:fs';
import { formatDuration, parseDuration } from '../../core/config/duration.ts';
import { TradedbError } from '../../core/error.ts';
import type { CheckRow } from '../../core/health/check.ts';
import { loadRunState, type RunState, runStatePath } from '../../core/health/run-state.ts';
import type { Finding } from '../../core/report.ts';
import { lastRun } from '../../core/run-record.ts';
import { requireDatabaseFile } from '../../core/sqlite/database-file.ts';
import type { CommandContext } from '../definition.ts';
import { factsOf } from './facts.ts';

const recorded = ['verify', 'drill', 'prune', 'optimize', 'vacuum', 'archive'] as const;
const jobs = ['backup', 'health', 'daily', 'deep', ...recorded] as const;
type Job = (typeof jobs)[number];

/** Clocks of two machines differ a little; a job is not late for that. */
const skewMs = 120_000;

export interface LastRuns {
  readonly rows: readonly CheckRow[];
  readonly findings: readonly Finding[];
}

/**
 * The other side of a heartbeat: jobs that should have run by now. Call it before the health run, which is a run itself.
 * `limits` are texts such as `backup=26h`, beside those of `health.lastRunMax`. Throws `usage`.
 */
export async function lastRuns(limits: readonly string[], context: CommandContext): Promise<LastRuns> {
  const wanted = new Map<Job, number>();
  for (const job of jobs) {
    const configured = context.config.health.lastRunMax[job];
    if (configured !== undefined) wanted.set(job, configured);
  }
  for (const text of limits) wanted.set(...parseLimit(text));
  const rows: CheckRow[] = [];
  const findings: Finding[] = [];
  for (const [job, limitMs] of wanted) {
    const startedAt = context.clock.now();
    const last = await lastRunOf(job, context);
    const { status, message } = judge(job, last, limitMs, context.clock.wallTime());
    const id = `job.age.${job}`;
    const value = last === undefined ? {} : { value: context.clock.wallTime() - last, unit: 'ms' as const };
    const base = { id, tier: 'quick', cost: 'cheap', critical: limitMs, ranOn: 'none' } as const;
    rows.push({ ...base, ...value, status, summary: message, durationMs: context.clock.now() - startedAt });
    if (status === 'critical') findings.push({ id, severity: 'critical', message, hint: hints[job] });
  }
  return { rows, findings };
}

const hints: Readonly<Record<Job, string>> = {
  backup: 'tradedb backup; then see why its schedule did not run',
  health: 'see why its schedule did not run',
  daily: 'tradedb health --tier daily; then see why its schedule did not run',
  deep: 'tradedb health --tier deep; then see why its schedule did not run',
  verify: 'tradedb backup verify; then see why its schedule did not run',
  drill: 'tradedb restore drill; then see why its schedule did not run',
  prune: 'tradedb backup prune; then see why its schedule did not run',
  optimize: 'tradedb vacuum optimize; then see why its schedule did not run',
  vacuum: 'tradedb vacuum; then see why its schedule did not run',
  archive: 'tradedb vacuum archive; then see why its schedule did not run',
};

function judge(
  job: Job,
  last: number | undefined,
  limitMs: number,
  now: number,
): { status: CheckRow['status']; message: string } {
  const allowed = `at most ${formatDuration(limitMs)} allowed`;
  if (last === undefined) return { status: 'critical', message: `no run of ${job} is known; ${allowed}` };
  const age = now - last;
  if (age < -skewMs)
    return { status: 'unknown', message: `the last run of ${job} lies in the future: check the clock` };
  const message = `the last run of ${job} was ${formatDuration(Math.max(0, Math.round(age / 1000) * 1000))} ago; ${allowed}`;
  return { status: age > limitMs + skewMs ? 'critical' : 'ok', message };
}

async function lastRunOf(job: Job, context: CommandContext): Promise<number | undefined> {
  if (job === 'backup') return (await factsOf(context).newestBackup?.())?.newestAt;
  const record = recorded.find((one) => one === job);
  if (record !== undefined) return lastRun(context.stateDirectory(), record)?.at;
  const state = previousState(context);
  if (job === 'health') return state.lastRunAt;
  const { daily, deep } = state.tierRuns;
  // A deep run is a daily one too.
  return job === 'deep' || (deep ?? 0) > (daily ?? 0) ? deep : daily;
}

function previousState(context: CommandContext): RunState {
  requireDatabaseFile(context.databasePath());
  const path = realpathSync(context.databasePath());
  const { dev, ino } = statSync(path);
  return loadRunState(runStatePath(context.stateDirectory(), { path, device: dev, inode: ino }));
}

function parseLimit(text: string): [Job, number] {
  const [name, ...rest] = text.split('=');
  const job = jobs.find((known) => known === name);
  if (job === undefined || rest.length !== 1) {
    throw new TradedbError('usage', `--last-run-max takes <job>=<duration>, not ${JSON.stringify(text)}`, {
      hint: `such as backup=26h; jobs: ${jobs.join(', ')}`,
    });
  }
  return [job, parseDuration(rest[0] ?? '')];
}
