import { Worker } from 'node:worker_threads';
import type { ChildEntry } from '../../file-access/child-entry.ts';
import { type ErrorData, fromErrorData } from '../../file-access/reader-protocol.ts';

/** A task of a pool: with bytes as they are stored, which are handed over to the thread. */
export interface StoredTask {
  readonly stored: Uint8Array;
}

interface Job {
  readonly task: StoredTask;
  resolve(outcome: never): void;
  reject(error: unknown): void;
}

/**
 * Threads that do one task at a time each. Their entry answers every message with `value` or `error`, and ends after
 * `close`. A pool must be closed; it flushes nothing.
 */
export class ThreadPool {
  readonly #workers: Worker[] = [];
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Job>();
  readonly #waiting: Job[] = [];
  readonly size: number;

  constructor(entry: ChildEntry, size: number) {
    this.size = size;
    for (let index = 0; index < size; index++) {
      const worker = new Worker(entry.path, { execArgv: [...entry.execArgv] });
      worker.on('message', (message: { value: unknown } | { error: ErrorData }) => {
        const job = this.#busy.get(worker);
        this.#busy.delete(worker);
        if ('error' in message) job?.reject(fromErrorData(message.error));
        else job?.resolve(message.value as never);
        this.#idle.push(worker);
        this.#dispatch();
      });
      worker.on('error', (error) => {
        this.#busy.get(worker)?.reject(error);
        this.#busy.delete(worker);
      });
      this.#workers.push(worker);
      this.#idle.push(worker);
    }
  }

  /** The bytes of the task must not be used again by the caller. */
  protected send<T>(task: StoredTask): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ task, resolve: resolve as Job['resolve'], reject });
      this.#dispatch();
    });
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#workers.map(
        (worker) =>
          new Promise<void>((resolve) => {
            worker.once('exit', () => resolve());
            worker.postMessage('close');
          }),
      ),
    );
  }

  #dispatch(): void {
    while (this.#idle.length > 0 && this.#waiting.length > 0) {
      const worker = this.#idle.pop() as Worker;
      const job = this.#waiting.shift() as Job;
      this.#busy.set(worker, job);
      const { buffer, byteLength } = job.task.stored;
      // A part of a larger buffer is copied: the rest of it may be somebody else's.
      worker.postMessage(job.task, buffer.byteLength === byteLength ? [buffer as ArrayBuffer] : []);
    }
  }
}
