import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { childEntry } from '../../file-access/child-entry.ts';
import { ReaderProcess } from '../../file-access/reader-process.ts';
import type { SqlJob, SqlJobResult } from './sql-job.ts';

/** The child process that runs SQL checks. It starts while the parent still reads pages. */
export class SqlSession {
  readonly #process: ReaderProcess;
  readonly #context: OperationContext;
  readonly #deadline: number;

  /** `timeoutMs`: for all checks of the run together. */
  constructor(context: OperationContext, timeoutMs: number) {
    this.#context = context;
    this.#deadline = context.clock.now() + timeoutMs;
    this.#process = new ReaderProcess(childEntry('./sql-check-main', import.meta.url), context);
  }

  open(path: string, recover: boolean, busyTimeoutMs: number): Promise<string> {
    // A lock must be told as a lock, before the deadline ends the process that waits for it.
    const busy = Math.min(busyTimeoutMs, Math.floor(this.#remaining() / 2));
    return this.#call('open', { path, recover, busyTimeoutMs: busy });
  }

  useCopy(path: string): Promise<void> {
    return this.#call('useCopy', { path });
  }

  /** All rules of the trading schema of this run; results in the same order. */
  runTrading(jobs: readonly SqlJob[]): Promise<SqlJobResult[]> {
    return this.#call('runTrading', { jobs });
  }

  run(job: SqlJob): Promise<SqlJobResult> {
    return this.#call('run', { job });
  }

  close(): Promise<void> {
    return this.#process.stop();
  }

  #remaining(): number {
    return Math.max(0, this.#deadline - this.#context.clock.now());
  }

  async #call<T>(operation: string, input: unknown): Promise<T> {
    const deadlineMs = this.#remaining();
    if (deadlineMs === 0) throw new TradedbError('deadline_exceeded', 'not reached within the time limit');
    try {
      return await this.#process.call<T>(operation, input, { deadlineMs });
    } catch (error) {
      if (error instanceof TradedbError && error.code === 'deadline_exceeded') {
        throw new TradedbError('deadline_exceeded', 'stopped at the time limit', { hint: 'raise --timeout' });
      }
      throw error;
    }
  }
}
