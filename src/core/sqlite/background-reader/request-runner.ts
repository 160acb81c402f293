import type { Clock } from '../../context.ts';
import type { Connection } from '../connection.ts';
import type { SqlValue, Statement } from '../statement.ts';
import { batchRows, type FromReader, maxUnacknowledged, packError, type RawRow, type ToReader } from './protocol.ts';

/**
 * The reader's side of the protocol, the same in a thread and in a child process: runs one query at a time, sends its
 * rows in batches, and looks for a cancellation and its deadline between batches.
 */
export class RequestRunner {
  readonly #open: () => Connection;
  readonly #clock: Clock;
  readonly #send: (message: FromReader) => void;
  #connection: Connection | undefined;
  #unacknowledged = 0;
  #cancelled = false;
  #wake: (() => void) | undefined;

  /** The connection is opened by the first request, so that a failure to open is an answer like any other. */
  constructor(open: () => Connection, clock: Clock, send: (message: FromReader) => void) {
    this.#open = open;
    this.#clock = clock;
    this.#send = send;
  }

  receive(message: ToReader): void {
    if (message.type === 'run') void this.#run(message);
    else if (message.type === 'acknowledge') this.#unacknowledged -= 1;
    else if (message.type === 'cancel') this.#cancelled = true;
    this.#wake?.();
  }

  close(): void {
    this.#connection?.close();
  }

  async #run(request: Extract<ToReader, { type: 'run' }>): Promise<void> {
    this.#unacknowledged = 0;
    this.#cancelled = false;
    const endMs = this.#clock.now() + request.deadlineMs;
    try {
      this.#send((await this.#sendRows(request, endMs)) ?? { type: 'stopped' });
    } catch (error) {
      this.#send({ type: 'failed', error: packError(error) });
    }
  }

  /** The last message of the request; undefined when it was stopped between two batches. */
  async #sendRows(request: Extract<ToReader, { type: 'run' }>, endMs: number): Promise<FromReader | undefined> {
    const parameters = request.parameters ?? undefined;
    this.#connection ??= this.#open();
    const statement = this.#connection.statement(request.sql, { arrays: true });
    if (!statement.returnsRows) {
      statement.run(parameters);
      return { type: 'done', columns: [] };
    }
    const columns = statement.columns().map(({ name }) => name);
    for (const rows of batchesOf(statement, parameters)) {
      this.#send({ type: 'batch', columns, rows });
      this.#unacknowledged += 1;
      await this.#room();
      if (this.#cancelled || this.#clock.now() > endMs) return undefined;
    }
    return { type: 'done', columns };
  }

  /** Lets the event loop turn once, so that a cancellation is heard, and longer while the receiver is behind. */
  async #room(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.defer(resolve));
    while (this.#unacknowledged >= maxUnacknowledged && !this.#cancelled) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function* batchesOf(statement: Statement, parameters: Parameters<Statement['iterate']>[0]): Generator<RawRow[]> {
  let batch: SqlValue[][] = [];
  for (const row of statement.iterate<SqlValue[]>(parameters)) {
    batch.push(row);
    if (batch.length < batchRows) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
