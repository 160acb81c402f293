import { TradedbError } from '../../error.ts';
import { type FromReader, unpackError } from './protocol.ts';
import type { ReaderEvents, ReaderPort } from './reader-port.ts';
import type { BackgroundRequest } from './request.ts';

/** Starts a reader. */
export type StartReader = (events: ReaderEvents) => ReaderPort;

/**
 * The place of one reader in the pool. A reader that crashed is started again at its next request. A request that ended
 * before its statement (deadline, cancellation) leaves the slot `overdue`: nothing in the process can stop a statement
 * that yields no row, so the slot is not replaced and threads never exceed the size of the pool.
 */
export class ReaderSlot {
  readonly #start: StartReader;
  readonly #onIdle: () => void;
  #port: ReaderPort | undefined;
  #request: BackgroundRequest | undefined;
  #starts = 0;

  constructor(start: StartReader, onIdle: () => void) {
    this.#start = start;
    this.#onIdle = onIdle;
  }

  get idle(): boolean {
    return this.#request === undefined;
  }

  /** The request has ended, its statement has not. */
  get overdue(): boolean {
    return this.#request?.ended === true;
  }

  get request(): BackgroundRequest | undefined {
    return this.#request;
  }

  get restarts(): number {
    return Math.max(0, this.#starts - 1);
  }

  run(request: BackgroundRequest): void {
    this.#request = request;
    request.started();
    this.#port ??= this.#open();
    this.#port.hold(true);
    request.whenEnded(() => {
      // A statement may run on for long; the program need not wait for it.
      this.#port?.hold(false);
      this.#port?.send({ type: 'cancel' });
    });
    this.#port.send({
      type: 'run',
      sql: request.sql,
      parameters: request.parameters,
      deadlineMs: request.deadlineMs,
    });
  }

  /** `hold` keeps the program alive until the reader is gone. */
  async close(hold = false): Promise<void> {
    if (hold) this.#port?.hold(true);
    await this.#port?.end();
    this.#port = undefined;
  }

  #open(): ReaderPort {
    this.#starts += 1;
    return this.#start({ onMessage: (message) => this.#receive(message), onCrash: (error) => this.#crashed(error) });
  }

  #receive(message: FromReader): void {
    const request = this.#request;
    if (request === undefined) return;
    if (message.type === 'batch') {
      request.take(message.columns, message.rows);
      this.#port?.send({ type: 'acknowledge' });
      return;
    }
    this.#request = undefined;
    if (message.type === 'done') {
      request.take(message.columns, []);
      request.succeed();
    } else if (message.type === 'failed') request.fail('error', unpackError(message.error));
    else request.fail('deadline', deadlineError(request.deadlineMs));
    this.#onIdle();
  }

  #crashed(error: Error): void {
    const request = this.#request;
    this.#request = undefined;
    this.#port = undefined;
    request?.fail(
      'error',
      new TradedbError('child_failed', 'a background reader ended unexpectedly', { cause: error }),
    );
    this.#onIdle();
  }
}

export function deadlineError(deadlineMs: number): TradedbError {
  return new TradedbError('deadline_exceeded', `the query did not end within ${deadlineMs} ms`, {
    hint: "give it a longer deadlineMs; isolation: 'process' also stops its work",
    details: { deadlineMs },
  });
}
