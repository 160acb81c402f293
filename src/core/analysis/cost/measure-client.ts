import { type ChildProcess, fork } from 'node:child_process';
import type { OperationContext } from '../../context.ts';
import { type ErrorCode, TradedbError, throwIfCancelled } from '../../error.ts';
import { measureEntry } from './child-entry.ts';
import type {
  Digest,
  MeasureAnswer,
  MeasureRequest,
  RepeatLimits,
  Slice,
  SliceSet,
  Target,
  Timing,
} from './measure-protocol.ts';
import type { ScratchCopy } from './scratch-copy.ts';

/** Time to start the child and open the copy. */
const startCapMs = 30_000;

/** The parent's end of the measuring child: one request at a time, killed at its cap and started anew. */
export class MeasureClient {
  readonly #copy: ScratchCopy;
  readonly #context: OperationContext;
  #child: ChildProcess | undefined;
  /** Children that were killed because of a cap. */
  kills = 0;

  constructor(copy: ScratchCopy, context: OperationContext) {
    this.#copy = copy;
    this.#context = context;
  }

  /** The best time of a statement, or undefined when it did not end within `capMs`. */
  time(target: Target, { capMs, ...limits }: RepeatLimits & { capMs: number }): Promise<Timing | undefined> {
    return this.#ask<Timing>({ kind: 'time', ...limits, ...target }, capMs);
  }

  slice(
    slice: { sets: readonly SliceSet[]; pragmas: readonly string[]; sliceMs: number },
    capMs: number,
  ): Promise<Slice | undefined> {
    return this.#ask<Slice>({ kind: 'slice', hidden: [], ...slice }, capMs);
  }

  /** A slice of the calibration scan. */
  calibrate(sliceMs: number, capMs: number): Promise<Slice | undefined> {
    return this.#ask<Slice>({ kind: 'calibrate', sliceMs }, capMs);
  }

  digest(target: Target, capMs: number): Promise<Digest | undefined> {
    return this.#ask<Digest>({ kind: 'digest', ...target }, capMs);
  }

  /** True when the SQL ran to its end within the cap. */
  async exec(sql: string, capMs: number): Promise<boolean> {
    return (await this.#ask<null>({ kind: 'exec', sql }, capMs)) !== undefined;
  }

  async close(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await ended;
  }

  async #ask<T>(request: MeasureRequest, capMs: number): Promise<T | undefined> {
    throwIfCancelled(this.#context.signal);
    if (this.#child === undefined) await this.#start();
    return this.#exchange<T>(request, capMs);
  }

  async #start(): Promise<void> {
    const entry = measureEntry();
    this.#child = fork(entry.path, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [...entry.execArgv],
    });
    const { folder, path } = this.#copy;
    const opened = await this.#exchange<null>({ kind: 'open', folder, path }, startCapMs);
    if (opened === undefined) throw new TradedbError('child_failed', 'the measuring process did not start');
  }

  async #exchange<T>(request: MeasureRequest, capMs: number): Promise<T | undefined> {
    const child = this.#child;
    if (child === undefined) throw new TradedbError('internal', 'no measuring process');
    const timer = new AbortController();
    const { signal, clock } = this.#context;
    const stop = AbortSignal.any([signal, timer.signal]);
    try {
      const cap = clock.sleep(capMs, stop).then(
        () => 'cap' as const,
        () => 'stopped' as const,
      );
      const result = await Promise.race([answerOf(child, request), cap]);
      if (typeof result !== 'string') return unwrap<T>(result);
    } finally {
      timer.abort();
    }
    await this.close();
    throwIfCancelled(signal);
    this.kills += 1;
    return undefined;
  }
}

function answerOf(child: ChildProcess, request: MeasureRequest): Promise<MeasureAnswer> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      child.off('message', onMessage);
      child.off('exit', onExit);
      child.off('error', onExit);
      finish();
    };
    const onMessage = (message: unknown): void => settle(() => resolve(message as MeasureAnswer));
    const onExit = (): void =>
      settle(() => reject(new TradedbError('child_failed', 'the measuring process ended by itself')));
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.on('error', onExit);
    child.send(request);
  });
}

function unwrap<T>(answer: MeasureAnswer): T {
  if (answer.ok) return answer.value as T;
  throw new TradedbError(answer.code as ErrorCode, answer.message);
}
