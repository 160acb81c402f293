import { type ChildProcess, fork } from 'node:child_process';
import { statSync } from 'node:fs';
import type { OperationContext, ProgressTask } from '../../context.ts';
import { type ErrorCode, TradedbError } from '../../error.ts';
import { childEntry } from '../../file-access/child-entry.ts';
import { type DiskProbe, reserveReached } from '../disk-guard.ts';
import type { CompactionJob, FromChild, ToChild } from './compaction-protocol.ts';
import type { SwapStep } from './exclusive-swap.ts';

export interface CompactionGuard {
  /** Folders whose file systems must keep the reserve. */
  readonly folders: readonly string[];
  readonly reserveBytes: number;
  readonly probeDisk: DiskProbe;
  /** Wall time (ms since 1970) at which to stop. */
  readonly deadline: number;
  /** File that grows, and its expected size, for the progress. */
  readonly growing?: { readonly path: string; readonly bytes: number };
}

export type CompactionEnd =
  | { readonly stoppedBy: 'done' }
  /** The child was killed: what it left has to be tidied up. */
  | { readonly stoppedBy: 'duration' | 'disk' | 'cancelled' };

const lookEveryMs = 1000;
/** From here on the steps are short and must not be interrupted. */
const lastKillable: readonly (SwapStep | undefined)[] = [undefined, 'recorded', 'held', 'copied'];

/** Runs a job in a child and watches over it. Errors of the child arrive as the TradedbError they were. */
export async function runCompaction(
  job: CompactionJob,
  guard: CompactionGuard,
  context: OperationContext,
): Promise<CompactionEnd> {
  const { growing } = guard;
  const task = context.progress.start({
    id: 'vacuum',
    label: 'rewrite',
    unit: 'bytes',
    ...(growing === undefined ? {} : { total: growing.bytes }),
  });
  const entry = childEntry('./compaction-main', import.meta.url);
  const child = fork(entry.path, [], { execArgv: [...entry.execArgv], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  try {
    return await watch(child, job, guard, context, task);
  } finally {
    task.done();
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}

function watch(
  child: ChildProcess,
  job: CompactionJob,
  guard: CompactionGuard,
  context: OperationContext,
  task: ProgressTask,
): Promise<CompactionEnd> {
  return new Promise((resolve, reject) => {
    let step: SwapStep | undefined;
    let outcome: (() => void) | undefined;
    let stopLooking = (): void => {};
    let seen = 0;

    const stop = (stoppedBy: 'duration' | 'disk' | 'cancelled'): void => {
      if (!lastKillable.includes(step)) return;
      outcome ??= () => resolve({ stoppedBy });
      child.kill('SIGKILL');
    };
    const onAbort = (): void => stop('cancelled');
    const look = (): void => {
      if (context.clock.wallTime() >= guard.deadline) stop('duration');
      else if (reserveReached(guard.folders, guard.reserveBytes, guard.probeDisk)) stop('disk');
      if (guard.growing !== undefined) {
        const bytes = statSync(guard.growing.path, { throwIfNoEntry: false })?.size ?? seen;
        task.advance(Math.max(0, bytes - seen));
        seen = Math.max(seen, bytes);
      }
      stopLooking = context.clock.after(lookEveryMs, look);
    };

    child.on('message', (message: FromChild) => {
      if (message.type === 'step') {
        step = message.step;
        if (!context.signal.aborted || !lastKillable.includes(step)) send(child, { type: 'go' });
      } else if (message.type === 'done') outcome = () => resolve({ stoppedBy: 'done' });
      else outcome = () => reject(asError(message));
    });
    child.on('error', (error) => {
      outcome = () =>
        reject(new TradedbError('child_failed', 'the vacuum process could not be started', { cause: error }));
    });
    child.on('close', (code, signal) => {
      stopLooking();
      context.signal.removeEventListener('abort', onAbort);
      if (outcome !== undefined) outcome();
      else reject(new TradedbError('child_failed', `the vacuum process ended early (${signal ?? `status ${code}`})`));
    });
    context.signal.addEventListener('abort', onAbort);
    send(child, { type: 'job', job });
    look();
    if (context.signal.aborted) onAbort();
  });
}

function send(child: ChildProcess, message: ToChild): void {
  if (child.connected) child.send(message);
}

function asError(message: Extract<FromChild, { type: 'failed' }>): TradedbError {
  return new TradedbError(message.code as ErrorCode, message.message, {
    ...(message.hint === undefined ? {} : { hint: message.hint }),
    ...(message.stack === undefined ? {} : { details: { stack: message.stack } }),
  });
}
