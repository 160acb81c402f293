import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/core/context.ts';
import { type JobOutcome, runProcess } from '../../../src/core/monitor/service/job-process.ts';
import { type JobPorts, JobRunner } from '../../../src/core/monitor/service/job-runner.ts';
import { nextRun } from '../../../src/core/schedule/next-run.ts';
import { systemClock } from '../../../src/system/system-clock.ts';
import { testContext } from '../../support/context.ts';

const start = Date.UTC(2026, 2, 1, 9, 59, 30);
const minute = 60_000;

/** A clock that jumps to the end of each sleep, in the order of the sleepers; ends the run at a time. */
function virtualClock(end: number, controller: AbortController) {
  let now = start;
  const sleepers: { at: number; wake: () => void }[] = [];
  let scheduled = false;
  const pump = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      sleepers.sort((a, b) => a.at - b.at);
      const next = sleepers.shift();
      if (next === undefined) return;
      now = Math.max(now, next.at);
      if (now >= end) controller.abort();
      next.wake();
      if (sleepers.length > 0) pump();
    });
  };
  const clock: Clock = {
    ...systemClock,
    now: () => now,
    wallTime: () => now,
    sleep: (ms) =>
      new Promise((resolve) => {
        sleepers.push({ at: now + ms, wake: resolve });
        pump();
      }),
  };
  const jump = (ms: number): void => {
    now += ms;
  };
  return { clock, jump };
}

async function runJobs(options: {
  cron: string;
  minutes: number;
  leaseWaitMs?: number;
  run: (clock: Clock, started: number) => Promise<JobOutcome>;
  onStart?: (jump: (ms: number) => void, count: number) => void;
}) {
  const controller = new AbortController();
  const { clock, jump } = virtualClock(start + options.minutes * minute, controller);
  const started: string[] = [];
  const ports: JobPorts = {
    nextRun,
    run: async () => {
      started.push(new Date(clock.wallTime()).toISOString().slice(11, 16));
      options.onStart?.(jump, started.length);
      return options.run(clock, started.length);
    },
  };
  const runner = new JobRunner(
    [{ name: 'health', database: 'trading.db', cron: options.cron, words: ['x'] }],
    { jitterMs: 0, timeoutMs: 1000, leaseWaitMs: options.leaseWaitMs ?? 0, catchUp: 'once' },
    ports,
    testContext({ clock, signal: controller.signal }),
  );
  await runner.run();
  const runs = Object.fromEntries(
    runner.metrics().flatMap(({ name, labels, value }) => (name === 'job_runs_total' ? [[labels?.result, value]] : [])),
  );
  return { started, runs, metrics: runner.metrics() };
}

const done = async (): Promise<JobOutcome> => ({ code: 0, timedOut: false });

describe('jobs by the clock', () => {
  it('run at their times and count their results', async () => {
    const codes = [0, 3, 4];
    const { started, runs, metrics } = await runJobs({
      cron: '*/5 * * * *',
      minutes: 12,
      run: async (_, count) => ({ code: codes[count - 1] ?? 0, timedOut: false }),
    });
    expect(started).toEqual(['10:00', '10:05', '10:10']);
    expect(runs).toEqual({ ok: 1, warning: 1, failed: 1 });
    const success = metrics.find(({ name }) => name === 'job_last_success_timestamp_seconds');
    expect(success?.value).toBe(Date.UTC(2026, 2, 1, 10, 5) / 1000);
  });

  it('never overlap with themselves', async () => {
    const { started, runs } = await runJobs({
      cron: '* * * * *',
      minutes: 8,
      run: async (clock) => {
        await clock.sleep(2.5 * minute);
        return { code: 0, timedOut: false };
      },
    });
    expect(started).toEqual(['10:00', '10:03', '10:06']);
    expect(runs.skipped).toBeGreaterThanOrEqual(4);
  });

  it('catch up once after a suspend', async () => {
    const { started } = await runJobs({
      cron: '*/5 * * * *',
      minutes: 70,
      run: done,
      onStart: (jump, count) => count === 1 && jump(60 * minute),
    });
    expect(started.slice(0, 2)).toEqual(['10:00', '11:00']);
    expect(started).toHaveLength(3);
  });

  it('survive a program that cannot be started, and count what took too long', async () => {
    const failing = await runJobs({
      cron: '*/5 * * * *',
      minutes: 2,
      run: () => Promise.reject(new Error('no such program')),
    });
    expect(failing.runs).toEqual({ failed: 1 });
    const slow = await runJobs({ cron: '*/5 * * * *', minutes: 2, run: async () => ({ code: null, timedOut: true }) });
    expect(slow.runs).toEqual({ timeout: 1 });
  });

  it('wait for another one that works on the database, up to a limit', async () => {
    const busy: JobOutcome = { code: 11, timedOut: false, problem: 'backup create is already running' };
    const patient = await runJobs({
      cron: '0 * * * *',
      minutes: 5,
      leaseWaitMs: 60_000,
      run: async (_, count) => (count < 3 ? busy : { code: 0, timedOut: false }),
    });
    expect(patient.runs).toEqual({ ok: 1 });
    expect(patient.started).toHaveLength(3);
    const late = await runJobs({ cron: '0 * * * *', minutes: 5, leaseWaitMs: 60_000, run: async () => busy });
    expect(late.runs).toEqual({ skipped: 1 });
  });

  it('that fail in a row are counted until one is good', async () => {
    const codes = [1, 1, 0, 12];
    const { metrics } = await runJobs({
      cron: '*/5 * * * *',
      minutes: 17,
      run: async (_, count) => ({ code: codes[count - 1] ?? 0, timedOut: false }),
    });
    expect(metrics.find(({ name }) => name === 'job_failures_in_row')?.value).toBe(1);
  });

  it('that ignore the request to end are killed', async () => {
    // Half a minute is half a second here.
    const clock: Clock = { ...systemClock, after: (ms, task) => systemClock.after(ms / 60, task) };
    const stubborn = "process.on('SIGINT', () => {}); setInterval(() => {}, 1000)";
    const outcome = await runProcess(clock)([process.execPath, '-e', stubborn], new AbortController().signal, 60_000);
    expect(outcome).toMatchObject({ code: null, timedOut: true });
  });

  it('are processes that end at their time and with the service', async () => {
    const run = runProcess(systemClock);
    const node = (code: string) => [process.execPath, '-e', code];
    const never = new AbortController();
    expect(await run(node('process.exit(3)'), never.signal, 60_000)).toEqual({ code: 3, timedOut: false });
    expect(await run(node('setInterval(() => {}, 1000)'), never.signal, 200)).toMatchObject({ timedOut: true });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);
    expect(await run(node('setInterval(() => {}, 1000)'), controller.signal, 60_000)).toMatchObject({ code: null });
    await expect(run(['/no/such/program'], never.signal, 1000)).rejects.toThrow('ENOENT');
  });
});
