import { spawn } from 'node:child_process';
import type { OperationContext } from '../../context.ts';
import type { Metric } from '../../report.ts';

export interface ServiceJob {
  readonly name: string;
  readonly cron: string;
  /** Program and arguments; no shell is involved. */
  readonly words: readonly string[];
}

export type JobResult = 'ok' | 'warning' | 'failed' | 'timeout' | 'skipped';

export interface JobOutcome {
  readonly code: number | null;
  readonly timedOut: boolean;
}

export interface JobPorts {
  /** Next time (ms since 1970) of a cron expression after a moment; undefined: never. */
  readonly nextRun: (cron: string, after: number) => number | undefined;
  /** Runs the words to their end; `stop` asks a running one to end. */
  readonly run: (words: readonly string[], signal: AbortSignal, timeoutMs: number) => Promise<JobOutcome>;
}

export interface JobSettings {
  readonly jitterMs: number;
  readonly timeoutMs: number;
}

interface JobState {
  readonly job: ServiceJob;
  due: number | undefined;
  running: boolean;
  readonly runs: Map<JobResult, number>;
  lastSuccess: number | undefined;
  lastDurationMs: number | undefined;
}

/** Longest sleep between two looks at the clock: after a suspend a missed run is caught up within this time. */
const mostSleepMs = 10_000;

/**
 * Runs jobs by the clock, each in a process of its own. A job never overlaps with itself: what comes due while it runs is
 * counted as skipped. Runs that were missed (suspend) are caught up once.
 */
export class JobRunner {
  readonly #states: JobState[];
  readonly #ports: JobPorts;
  readonly #settings: JobSettings;
  readonly #context: OperationContext;

  constructor(jobs: readonly ServiceJob[], settings: JobSettings, ports: JobPorts, context: OperationContext) {
    this.#settings = settings;
    this.#ports = ports;
    this.#context = context;
    this.#states = jobs.map((job) => ({
      job,
      due: this.#next(job.cron),
      running: false,
      runs: new Map(),
      lastSuccess: undefined,
      lastDurationMs: undefined,
    }));
  }

  /** Until the signal is aborted; resolves when the running jobs have ended too. */
  async run(): Promise<void> {
    const { clock, signal } = this.#context;
    const running = new Set<Promise<void>>();
    while (!signal.aborted) {
      const now = clock.wallTime();
      for (const state of this.#states) {
        if (state.due === undefined || state.due > now) continue;
        state.due = this.#next(state.job.cron);
        if (state.running) {
          this.#count(state, 'skipped');
          this.#context.log.warn('job_skipped', { job: state.job.name, reason: 'it is still running' });
          continue;
        }
        const work = this.#start(state).finally(() => running.delete(work));
        running.add(work);
      }
      const next = Math.min(...this.#states.map(({ due }) => due ?? Number.POSITIVE_INFINITY));
      const wait = Math.min(mostSleepMs, Math.max(1, next - clock.wallTime()));
      await clock.sleep(wait, signal).catch(() => {});
    }
    await Promise.all(running);
  }

  /** Next runs, for the log at the start. */
  get nextRuns(): Record<string, string> {
    return Object.fromEntries(
      this.#states.map(({ job, due }) => [job.name, due === undefined ? 'never' : new Date(due).toISOString()]),
    );
  }

  metrics(): Metric[] {
    return this.#states.flatMap(({ job, runs, lastSuccess, lastDurationMs }) => {
      const labels = { job: job.name };
      const counted: Metric[] = [...runs].map(([result, value]) => ({
        name: 'job_runs_total',
        type: 'counter',
        help: 'Runs of a scheduled job.',
        value,
        labels: { ...labels, result },
      }));
      const gauge = (name: string, help: string, value: number | undefined): Metric[] =>
        value === undefined ? [] : [{ name, type: 'gauge', help, value, labels }];
      return [
        ...counted,
        ...gauge('job_last_success_timestamp_seconds', 'End of the last good run.', seconds(lastSuccess)),
        ...gauge('job_duration_seconds', 'Length of the last run.', seconds(lastDurationMs)),
      ];
    });
  }

  async #start(state: JobState): Promise<void> {
    const { clock, random, signal, log } = this.#context;
    state.running = true;
    try {
      // Several services of one host must not all start at the full minute.
      await clock.sleep(random.next() * this.#settings.jitterMs, signal);
      const started = clock.now();
      log.info('job_started', { job: state.job.name });
      const outcome = await this.#ports.run(state.job.words, signal, this.#settings.timeoutMs);
      const result = resultOf(outcome);
      this.#count(state, result);
      state.lastDurationMs = clock.now() - started;
      if (result === 'ok' || result === 'warning') state.lastSuccess = clock.wallTime();
      const level = result === 'ok' ? 'info' : 'warn';
      log[level]('job_finished', {
        job: state.job.name,
        result,
        code: outcome.code,
        durationMs: Math.round(state.lastDurationMs),
      });
    } catch (error) {
      if (signal.aborted) return;
      this.#count(state, 'failed');
      log.error('job_finished', { job: state.job.name, result: 'failed', error: String(error) });
    } finally {
      state.running = false;
    }
  }

  #next(cron: string): number | undefined {
    return this.#ports.nextRun(cron, this.#context.clock.wallTime());
  }

  #count(state: JobState, result: JobResult): void {
    state.runs.set(result, (state.runs.get(result) ?? 0) + 1);
  }
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

/** Of the table of exit codes: 3 is "done with warnings", 11 that somebody else works on the database now. */
function resultOf({ code, timedOut }: JobOutcome): JobResult {
  if (timedOut) return 'timeout';
  return code === 0 ? 'ok' : code === 3 ? 'warning' : code === 11 ? 'skipped' : 'failed';
}

const killAfterMs = 30_000;

/** Runs a job as a process: SIGINT at the timeout or the abort, SIGKILL half a minute later. Its output is dropped. */
export function runProcess(clock: OperationContext['clock']): JobPorts['run'] {
  return ([program = '', ...words], signal, timeoutMs) =>
    new Promise((resolve, reject) => {
      const child = spawn(program, words, { stdio: 'ignore' });
      let timedOut = false;
      let cancelKill = (): void => {};
      const end = (): void => {
        child.kill('SIGINT');
        cancelKill = clock.after(killAfterMs, () => void child.kill('SIGKILL'));
      };
      const cancelTimeout = clock.after(timeoutMs, () => {
        timedOut = true;
        end();
      });
      signal.addEventListener('abort', end, { once: true });
      const settle = (): void => {
        cancelTimeout();
        cancelKill();
        signal.removeEventListener('abort', end);
      };
      child.on('error', (error) => {
        settle();
        reject(error);
      });
      child.on('close', (code) => {
        settle();
        resolve({ code, timedOut });
      });
    });
}
