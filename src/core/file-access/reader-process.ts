import { type ChildProcess, fork } from 'node:child_process';
import type { Clock } from '../context.ts';
import { TradedbError } from '../error.ts';
import type { ChildEntry } from './child-entry.ts';
import { fromErrorData, type ReaderReply } from './reader-protocol.ts';

export interface ReaderProcessOptions<E = unknown> {
  readonly clock: Clock;
  /** Ends the child at once when it is aborted. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: E) => void;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

const keptErrorText = 4000;

/**
 * A child process that reads live files for this one; one that does never opens SQLite. It ends with its parent, with `stop`, and
 * with the signal; a request that is waiting then fails with `child_failed`.
 */
export class ReaderProcess<E = unknown> {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  #failure: TradedbError | undefined;
  #errorText = '';

  constructor(entry: ChildEntry, options: ReaderProcessOptions<E>) {
    this.#clock = options.clock;
    this.#child = fork(entry.path, [], {
      execArgv: [...entry.execArgv],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errorText = `${this.#errorText}${text}`.slice(-keptErrorText);
    });
    this.#child.on('message', (message) => this.#receive(message as ReaderReply, options.onEvent));
    this.#exited = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        this.#fail(`cannot be started: ${error.message}`);
        resolve();
      });
      this.#child.on('exit', (code, signal) => {
        this.#fail(signal === null ? `ended with code ${code}` : `was ended by ${signal}`);
        resolve();
      });
    });
    const abort = (): void => {
      this.#child.kill('SIGKILL');
    };
    if (options.signal?.aborted) abort();
    options.signal?.addEventListener('abort', abort, { once: true });
    this.#exited.then(() => options.signal?.removeEventListener('abort', abort));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** One request; fails with the child's error, with `child_failed`, or with `deadline_exceeded` (the child is ended). */
  call<T>(operation: string, input: unknown, options: { deadlineMs?: number } = {}): Promise<T> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      const cancel =
        options.deadlineMs === undefined
          ? () => {}
          : this.#clock.after(options.deadlineMs, () => {
              this.#pending.delete(id);
              this.#child.kill('SIGKILL');
              reject(new TradedbError('deadline_exceeded', `the reader process did not answer ${operation} in time`));
            });
      this.#pending.set(id, {
        resolve: (value) => {
          cancel();
          resolve(value as T);
        },
        reject: (error) => {
          cancel();
          reject(error);
        },
      });
      this.#child.send({ id, operation, input }, (error) => {
        if (error !== null && error !== undefined) this.#fail(`cannot be reached: ${error.message}`);
      });
    });
  }

  /** Ends the child and waits until it is gone. */
  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #receive(message: ReaderReply, onEvent: ReaderProcessOptions<E>['onEvent']): void {
    if ('event' in message) {
      onEvent?.(message.event as E);
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if ('error' in message) pending?.reject(fromErrorData(message.error));
    else pending?.resolve(message.value);
  }

  #fail(what: string): void {
    const detail = this.#errorText.trim();
    this.#failure ??= new TradedbError(
      'child_failed',
      `the process that reads the database ${what}${detail === '' ? '' : `: ${detail}`}`,
    );
    for (const pending of this.#pending.values()) pending.reject(this.#failure);
    this.#pending.clear();
  }
}
