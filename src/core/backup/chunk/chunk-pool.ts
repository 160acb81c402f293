import { Worker } from 'node:worker_threads';
import { childEntry } from '../../file-access/child-entry.ts';
import { type ErrorData, fromErrorData } from '../../file-access/reader-protocol.ts';
import type { ChunkOutcome, ChunkTask } from './chunk-task.ts';

interface Job {
  readonly task: ChunkTask;
  resolve(outcome: ChunkOutcome): void;
  reject(error: unknown): void;
}

/** Threads that check (and write) chunks. `close` must be called; it also flushes nothing: the caller syncs the file. */
export class ChunkPool {
  readonly #workers: Worker[] = [];
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Job>();
  readonly #waiting: Job[] = [];
  readonly size: number;

  constructor(size: number) {
    this.size = size;
    const entry = childEntry('./chunk-thread-main', import.meta.url);
    for (let index = 0; index < size; index++) {
      const worker = new Worker(entry.path, { execArgv: [...entry.execArgv] });
      worker.on('message', (message: { value: ChunkOutcome } | { error: ErrorData }) => {
        const job = this.#busy.get(worker);
        this.#busy.delete(worker);
        if ('error' in message) job?.reject(fromErrorData(message.error));
        else job?.resolve(message.value);
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

  /** The bytes of the task are handed over: the caller must not use them again. */
  run(task: ChunkTask): Promise<ChunkOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, resolve, reject });
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
      worker.postMessage(job.task, [job.task.stored.buffer as ArrayBuffer]);
    }
  }
}
