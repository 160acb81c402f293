import type { OperationContext } from '../../context.ts';
import type { Metric } from '../../report.ts';
import { serviceMetric } from '../metrics/service-series.ts';
import type { JobOutcome, RunJob } from './job-process.ts';

export interface ServiceJob {
  readonly name: string;
  /** Name of the database that it works on. */
  readonly database: string;
  readonly cron: string;
  /** Program and arguments; no shell is involved. */
  readonly words: readonly string[];
}

export type JobResult = 'ok' | 'warning' | 'failed' | 'timeout' | 'skipped';

export interface JobPorts {
  /** Next time (ms since 1970) of a cron expression after a moment; undefined: never. */
  readonly nextRun: (cron: string, after: number) => number | undefined;
  readonly run: RunJob;
  /** When a job was last started by an earlier service, for runs that were missed meanwhile. */
  readonly lastStarted?: (job: ServiceJob) => number | undefined;
  readonly onStart?: (job: ServiceJob) => void;
  readonly onResult?: (job: ServiceJob, run: JobRun, outcome: JobOutcome | undefined) => void;
}

export interface JobSettings {
  readonly jitterMs: number;
  readonly timeoutMs: number;
  /** How long a job waits for another one that works on the same database. */
  readonly leaseWaitMs: number;
  /** `once`: what was missed is caught up once; `never`: the next regular time is waited for. */
  readonly catchUp: 'once' | 'never';
}

export interface JobRun {
  readonly result: JobResult;
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly code: number | null;
  readonly problem?: string;
}

/** One job as the dashboard shows it. */
export interface JobStatus {
  readonly name: string;
  readonly database: string;
  readonly cron: string;
  readonly running: boolean;
  readonly dueMs: number | null;
  readonly last: JobRun | null;
  readonly lastSuccessMs: number | null;
  readonly failuresInRow: number;
}

interface JobState {
  job: ServiceJob;
  due: number | undefined;
  running: boolean;
  readonly runs: Map<JobResult, number>;
  last: JobRun | undefined;
  lastSuccess: number | undefined;
  failuresInRow: number;
}

/** Longest sleep between two looks at the clock: after a suspend a missed run is caught up within this time. */
const mostSleepMs = 10_000;
/** A run that comes later than this after its time was missed. */
const missedAfterMs = 60_000;
const leaseRetryMs = 10_000;
/** Of the table of exit codes: somebody else works on the database now. */
const busyCode = 11;

/**
 * Runs jobs by the clock, each in a process of its own. A job never overlaps with itself: what comes due while it runs is
 * counted as skipped. Runs that were missed (suspend, a service that was down) are caught up once.
 */
export class JobRunner {
  #states: JobState[] = [];
  #settings: JobSettings;
  readonly #ports: JobPorts;
  readonly #context: OperationContext;
  #wake = new AbortController();

  constructor(jobs: readonly ServiceJob[], settings: JobSettings, ports: JobPorts, context: OperationContext) {
    this.#settings = settings;
    this.#ports = ports;
    this.#context = context;
    this.#states = jobs.map((job) => this.#fresh(job));
  }

  /** Other jobs or times from now on. A job that stays keeps its counts, and its run when it is running. */
  change(jobs: readonly ServiceJob[], settings: JobSettings): void {
    this.#settings = settings;
    this.#states = jobs.map((job) => {
      const known = this.#states.find((state) => isSame(state.job, job));
      if (known === undefined) return this.#fresh(job);
      if (known.job.cron !== job.cron) known.due = this.#next(job.cron);
      known.job = job;
      return known;
    });
    this.#wake.abort();
  }

  /** Until the signal is aborted; resolves when the running jobs have ended too. */
  async run(): Promise<void> {
    const { clock, signal } = this.#context;
    const running = new Set<Promise<void>>();
    while (!signal.aborted) {
      for (const state of this.#states) this.#startIfDue(state, running);
      const next = Math.min(...this.#states.map(({ due }) => due ?? Number.POSITIVE_INFINITY));
      const wait = Math.min(mostSleepMs, Math.max(1, next - clock.wallTime()));
      if (this.#wake.signal.aborted) this.#wake = new AbortController();
      await clock.sleep(wait, AbortSignal.any([signal, this.#wake.signal])).catch(() => {});
    }
    await Promise.all(running);
  }

  /** Next runs, for the log at the start. */
  get nextRuns(): Record<string, string> {
    return Object.fromEntries(
      this.#states.map(({ job, due }) => [job.name, due === undefined ? 'never' : new Date(due).toISOString()]),
    );
  }

  get status(): JobStatus[] {
    return this.#states.map(({ job, due, running, last, lastSuccess, failuresInRow }) => ({
      name: job.name,
      database: job.database,
      cron: job.cron,
      running,
      dueMs: due ?? null,
      last: last ?? null,
      lastSuccessMs: lastSuccess ?? null,
      failuresInRow,
    }));
  }

  metrics(): Metric[] {
    return this.#states.flatMap(({ job, runs, lastSuccess, last, failuresInRow }) => {
      const labels = { database: job.database, job: job.name };
      const counted = [...runs].map(([result, value]) => serviceMetric('job_runs_total', value, { ...labels, result }));
      const gauge = (name: Parameters<typeof serviceMetric>[0], value: number | undefined): Metric[] =>
        value === undefined ? [] : [serviceMetric(name, value, labels)];
      return [
        ...counted,
        ...gauge('job_last_success_timestamp_seconds', seconds(lastSuccess)),
        ...gauge('job_duration_seconds', seconds(last?.durationMs)),
        ...gauge('job_failures_in_row', failuresInRow),
      ];
    });
  }

  #fresh(job: ServiceJob): JobState {
    const wallTime = this.#context.clock.wallTime();
    const before = this.#settings.catchUp === 'once' ? this.#ports.lastStarted?.(job) : undefined;
    // A time of the future is none: the clock was set back since.
    const after = before !== undefined && before < wallTime ? before : wallTime;
    const due = this.#ports.nextRun(job.cron, after);
    return { job, due, running: false, runs: new Map(), last: undefined, lastSuccess: undefined, failuresInRow: 0 };
  }

  #startIfDue(state: JobState, running: Set<Promise<void>>): void {
    const now = this.#context.clock.wallTime();
    const { due } = state;
    if (due === undefined || due > now) return;
    state.due = this.#next(state.job.cron);
    const { log } = this.#context;
    if (state.running) {
      this.#count(state, 'skipped');
      log.warn('job_skipped', { job: state.job.name, reason: 'it is still running' });
      return;
    }
    if (now - due > missedAfterMs) {
      log.warn('job_missed', {
        job: state.job.name,
        due: new Date(due).toISOString(),
        catchUp: this.#settings.catchUp,
      });
      if (this.#settings.catchUp === 'never') return;
    }
    const work = this.#start(state).finally(() => running.delete(work));
    running.add(work);
  }

  async #start(state: JobState): Promise<void> {
    const { clock, random, signal, log } = this.#context;
    const { job } = state;
    state.running = true;
    let started = clock.now();
    let startedAtMs = clock.wallTime();
    try {
      // Several services of one host must not all start at the full minute.
      await clock.sleep(random.next() * this.#settings.jitterMs, signal);
      started = clock.now();
      startedAtMs = clock.wallTime();
      log.info('job_started', { job: job.name, database: job.database });
      this.#ports.onStart?.(job);
      const outcome = await this.#runWithPatience(job);
      this.#finish(
        state,
        { result: resultOf(outcome), startedAtMs, durationMs: clock.now() - started, code: outcome.code },
        outcome,
      );
    } catch (error) {
      if (signal.aborted) return;
      const problem = error instanceof Error ? error.message : String(error);
      this.#finish(state, { result: 'failed', startedAtMs, durationMs: clock.now() - started, code: null, problem });
    } finally {
      state.running = false;
    }
  }

  /** Another job that holds the database is waited for: the later one of two gives way, up to a limit. */
  async #runWithPatience(job: ServiceJob): Promise<JobOutcome> {
    const { clock, signal } = this.#context;
    const { timeoutMs, leaseWaitMs } = this.#settings;
    const until = clock.now() + leaseWaitMs;
    for (;;) {
      const outcome = await this.#ports.run(job.words, signal, timeoutMs);
      const left = until - clock.now();
      if (outcome.code !== busyCode || left <= 0 || signal.aborted) return outcome;
      this.#context.log.info('job_waits', { job: job.name, reason: outcome.problem ?? 'the database is in use' });
      await clock.sleep(Math.min(leaseRetryMs, left), signal);
    }
  }

  #finish(state: JobState, run: JobRun, outcome?: JobOutcome): void {
    const { clock, log } = this.#context;
    const told = outcome?.problem === undefined ? run : { ...run, problem: outcome.problem };
    this.#count(state, run.result);
    state.last = told;
    const isGood = run.result === 'ok' || run.result === 'warning';
    if (isGood) state.lastSuccess = clock.wallTime();
    if (run.result !== 'skipped') state.failuresInRow = isGood ? 0 : state.failuresInRow + 1;
    log[run.result === 'ok' ? 'info' : isGood ? 'warn' : 'error']('job_finished', {
      job: state.job.name,
      database: state.job.database,
      result: run.result,
      code: run.code,
      durationMs: Math.round(run.durationMs),
      ...(told.problem === undefined ? {} : { error: told.problem }),
    });
    this.#ports.onResult?.(state.job, told, outcome);
  }

  #next(cron: string): number | undefined {
    return this.#ports.nextRun(cron, this.#context.clock.wallTime());
  }

  #count(state: JobState, result: JobResult): void {
    state.runs.set(result, (state.runs.get(result) ?? 0) + 1);
  }
}

function isSame(a: ServiceJob, b: ServiceJob): boolean {
  return a.name === b.name && a.database === b.database;
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

/** Of the table of exit codes: 3 is "done with warnings", 4 a health check that found something: it ran. */
function resultOf({ code, timedOut, report }: JobOutcome): JobResult {
  if (timedOut) return 'timeout';
  if (code === 0) return 'ok';
  if (code === 3 || (code === 4 && report !== undefined)) return 'warning';
  return code === busyCode ? 'skipped' : 'failed';
}
