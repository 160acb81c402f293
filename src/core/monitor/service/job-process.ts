import { spawn } from 'node:child_process';
import type { Clock } from '../../context.ts';
import type { Finding, Metric, Report } from '../../report.ts';

/** What a job said in its report. */
export interface JobReport {
  readonly status: string;
  readonly findings: readonly Finding[];
  readonly metrics: readonly Metric[];
  /** For health: the names of the checks that were asked for, whether they could tell or not. */
  readonly data: unknown;
}

export interface JobOutcome {
  readonly code: number | null;
  readonly timedOut: boolean;
  /** Undefined when it printed none. */
  readonly report?: JobReport;
  /** The line that explains a failure. */
  readonly problem?: string;
}

const killAfterMs = 30_000;
/** A report is kept up to this size, the end of what goes to stderr up to the other. */
const mostReportBytes = 4 * 1024 * 1024;
const mostErrorBytes = 8192;

export type RunJob = (words: readonly string[], signal: AbortSignal, timeoutMs: number) => Promise<JobOutcome>;

/**
 * Runs a job as a process of this program that prints its report as JSON: SIGINT at the timeout or the abort, SIGKILL
 * half a minute later.
 */
export function runProcess(clock: Clock): RunJob {
  return ([program = '', ...words], signal, timeoutMs) =>
    new Promise((resolve, reject) => {
      const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
      let timedOut = false;
      let output = '';
      let errors = '';
      let cancelKill = (): void => {};
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        if (output.length <= mostReportBytes) output += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        errors = (errors + text).slice(-mostErrorBytes);
      });
      const end = (): void => {
        child.kill('SIGINT');
        cancelKill();
        cancelKill = clock.after(killAfterMs, () => void child.kill('SIGKILL'));
      };
      const cancelTimeout = clock.after(timeoutMs, () => {
        timedOut = true;
        end();
      });
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
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
        const report = parseReport(output);
        const problem = code === 0 ? undefined : parseProblem(errors);
        resolve({
          code,
          timedOut,
          ...(report === undefined ? {} : { report }),
          ...(problem === undefined ? {} : { problem }),
        });
      });
    });
}

function parseReport(output: string): JobReport | undefined {
  try {
    const { status, findings = [], metrics = [], data } = JSON.parse(output) as Partial<Report>;
    return typeof status === 'string' ? { status, findings, metrics, data } : undefined;
  } catch {
    return undefined;
  }
}

/** The error object that a command prints in JSON mode stands in the last line that is one. */
function parseProblem(errors: string): string | undefined {
  for (const line of errors.trim().split('\n').reverse()) {
    try {
      const { type, message } = JSON.parse(line) as { type?: string; message?: string };
      if (type === 'error' && typeof message === 'string') return message;
    } catch {
      // A line of text: not ours.
    }
  }
  return undefined;
}
