/**
 * What every long operation receives from its caller: time, chance, cancellation, progress and log.
 * Core code uses nothing else of the outside world, so that a test can replay a run exactly.
 */

/** Time source. `now` is for durations, `wallTime` for what people and files read. */
export interface Clock {
  /** Monotonic milliseconds with a fraction. */
  now(): number;
  /** Milliseconds since 1970 UTC. */
  wallTime(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Blocks the thread for `ms` (fractions count). */
  sleepSync(ms: number): void;
  /** Runs `task` on the next turn of the event loop. */
  defer(task: () => void): void;
  /** Runs `task` after `ms` without keeping the process alive; the returned function cancels it. */
  after(ms: number, task: () => void): () => void;
}

/** Source of chance. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** `length` unpredictable bytes, for identifiers. */
  bytes(length: number): Uint8Array;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Notes for the operator on stderr; never the result. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export interface ProgressTask {
  /** Adds `amount` units of finished work. */
  advance(amount: number): void;
  /** Sets or corrects the total once it is known. */
  total(total: number): void;
  /** Ends the task; a second call does nothing. */
  done(): void;
}

export type ProgressUnit = 'bytes' | 'pages' | 'rows' | 'steps';

export interface ProgressSink {
  start(task: { id: string; label: string; unit: ProgressUnit; total?: number }): ProgressTask;
}

export interface OperationContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly progress: ProgressSink;
  readonly log: Logger;
}
