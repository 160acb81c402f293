import { TradedbError } from '../../error.ts';
import { retryDelayMs } from '../../sqlite/busy-retry.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { isBusy, sqliteCode } from '../../sqlite/translate-error.ts';
import type { LatencyHistogram } from '../../statistics/latency-histogram.ts';
import type { Outcome, Prepared, Work } from '../driver.ts';
import type { Parameters, ScenarioSession } from '../scenario/scenario.ts';
import type { StatementStream } from '../stream/statement-stream.ts';
import { CheckpointStalls } from './checkpoint-stalls.ts';

const succeeded: Outcome = {};

/**
 * Turns transaction numbers into calls of the scenario. The connection gives up at the first busy answer and this class
 * repeats the transaction with the delays of the database layer, so that every retry is counted by its extended code.
 */
export class ClientWork implements Work {
  readonly types: number;
  readonly #stream: StatementStream;
  readonly #connection: Connection;
  readonly #busyTimeoutMs: number;
  readonly #stalls: CheckpointStalls;
  #session: ScenarioSession;

  constructor(parts: {
    readonly types: number;
    readonly stream: StatementStream;
    readonly connection: Connection;
    readonly session: ScenarioSession;
    readonly busyTimeoutMs: number;
  }) {
    this.types = parts.types;
    this.#stream = parts.stream;
    this.#connection = parts.connection;
    this.#session = parts.session;
    this.#stalls = new CheckpointStalls(parts.connection);
    this.#busyTimeoutMs = parts.busyTimeoutMs;
  }

  typeOf(k: number): number {
    return this.#stream.typeOf(k);
  }

  prepare(k: number, type: number): Parameters {
    return this.#stream.parametersOf(k, type);
  }

  /** Times of the transactions whose commit ran a checkpoint; emptied by whoever has read them. */
  get checkpointStalls(): LatencyHistogram {
    return this.#stalls.times;
  }

  afterSlow(serviceMs: number): void {
    this.#stalls.note(serviceMs);
  }

  executeOne({ type, parameters }: Prepared): Outcome {
    try {
      this.#session.run(type, parameters as Parameters);
      return succeeded;
    } catch (error) {
      const retries: Record<string, number> = {};
      const failure = this.#repeated(retries, error, () => this.#session.run(type, parameters as Parameters));
      return { ...(failure === undefined ? {} : { errorCode: failure }), ...counted(retries) };
    }
  }

  execute(batch: readonly Prepared[]): readonly Outcome[] {
    let outcomes: readonly Outcome[] = [];
    const work = (): void => {
      outcomes = this.#connection.tx(() => this.#group(batch));
    };
    try {
      work();
      return outcomes;
    } catch (error) {
      const retries: Record<string, number> = {};
      const failure = this.#repeated(retries, error, work);
      // The retries of the group are counted once, on its first transaction.
      const results = failure === undefined ? outcomes : batch.map(() => ({ errorCode: failure }));
      return results.map((outcome, index) => (index === 0 ? { ...outcome, ...counted(retries) } : outcome));
    }
  }

  /** Every transaction is a savepoint of its own: one that fails is undone alone. */
  #group(batch: readonly Prepared[]): Outcome[] {
    return batch.map(({ type, parameters }) => {
      try {
        this.#connection.tx(() => this.#session.run(type, parameters as Parameters));
        return succeeded;
      } catch (error) {
        if (isBusy(error) || !this.#connection.inTransaction) throw error;
        return { errorCode: failureCode(error) };
      }
    });
  }

  /** Repeats `work` while another process is in the way; the code of the failure that ended it, if one did. */
  #repeated(retries: Record<string, number>, firstError: unknown, work: () => void): string | undefined {
    const { clock, random } = this.#connection.ports;
    const startedMs = clock.now();
    let error = firstError;
    for (let tries = 1; ; tries++) {
      const code = failureCode(error);
      if (!isBusy(error) || clock.now() - startedMs >= this.#busyTimeoutMs) return code;
      retries[code] = (retries[code] ?? 0) + 1;
      clock.sleepSync(retryDelayMs(tries, random));
      try {
        work();
        return undefined;
      } catch (next) {
        error = next;
      }
    }
  }
}

function counted(retriesByCode: Record<string, number>): { retriesByCode?: Record<string, number> } {
  return Object.keys(retriesByCode).length === 0 ? {} : { retriesByCode };
}

/** SQLite's extended code, or the code of a refusal by the layer above it. */
export function failureCode(error: unknown): string {
  const code = sqliteCode(error);
  if (code !== undefined) return code;
  if (error instanceof TradedbError) return error.code;
  return error instanceof Error ? error.name : 'unknown';
}
