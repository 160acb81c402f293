import type { Clock } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { BackgroundReadEvent } from '../hooks.ts';
import type { SqlParameters } from '../statement.ts';
import type { RawRow } from './protocol.ts';

export interface BackgroundReadOptions {
  /** Longest run in milliseconds; the configured deadline otherwise. */
  readonly deadlineMs?: number;
  /** Ends the query with `deadline_exceeded` instead of more rows than this. */
  readonly maxRows?: number;
  readonly signal?: AbortSignal;
  /** `process`: a child process that can be killed in the middle of a statement, for queries that may run away. */
  readonly isolation?: 'thread' | 'process';
}

export type RowSink = (columns: readonly string[], rows: readonly RawRow[]) => void;

export type Outcome = BackgroundReadEvent['outcome'];

/** One query from its call to its single end. */
export class BackgroundRequest {
  readonly sql: string;
  readonly parameters: SqlParameters | null;
  readonly deadlineMs: number;
  readonly options: BackgroundReadOptions;
  readonly done: Promise<void>;
  rows = 0;
  queueMs = 0;
  readonly #clock: Clock;
  readonly #sink: RowSink;
  readonly #queuedAtMs: number;
  #startedAtMs: number | undefined;
  #settle: { resolve: () => void; reject: (error: unknown) => void };
  #onEnd: ((outcome: Outcome, runMs: number) => void) | undefined;
  #cleanUp: (() => void)[] = [];

  constructor(
    query: { readonly sql: string; readonly parameters: SqlParameters | null; readonly deadlineMs: number },
    options: BackgroundReadOptions,
    clock: Clock,
    sink: RowSink,
  ) {
    this.sql = query.sql;
    this.parameters = query.parameters;
    this.deadlineMs = query.deadlineMs;
    this.options = options;
    this.#clock = clock;
    this.#sink = sink;
    this.#queuedAtMs = clock.now();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#settle = { resolve, reject };
  }

  get ended(): boolean {
    return this.#onEnd === undefined;
  }

  /** Milliseconds since it was started; 0 while it waits. */
  get runMs(): number {
    return this.#startedAtMs === undefined ? 0 : this.#clock.now() - this.#startedAtMs;
  }

  onEnd(listener: (outcome: Outcome, runMs: number) => void): void {
    this.#onEnd = listener;
  }

  /** Undone when the request ends, whatever the reason. */
  whenEnded(cleanUp: () => void): void {
    this.#cleanUp.push(cleanUp);
  }

  started(): void {
    this.#startedAtMs = this.#clock.now();
    this.queueMs = this.#startedAtMs - this.#queuedAtMs;
  }

  take(columns: readonly string[], rows: readonly RawRow[]): void {
    if (this.ended) return;
    const { maxRows } = this.options;
    if (maxRows !== undefined && this.rows + rows.length > maxRows) {
      this.fail(
        'error',
        new TradedbError('deadline_exceeded', `the query yields more than ${maxRows} rows`, {
          hint: 'add a LIMIT, or raise maxRows',
          details: { maxRows },
        }),
      );
      return;
    }
    this.rows += rows.length;
    try {
      this.#sink(columns, rows);
    } catch (error) {
      this.fail('error', error);
    }
  }

  succeed(): void {
    this.#end('rows', this.#settle.resolve);
  }

  fail(outcome: Exclude<Outcome, 'rows'>, error: unknown): void {
    this.#end(outcome, () => this.#settle.reject(error));
  }

  #end(outcome: Outcome, settle: () => void): void {
    const listener = this.#onEnd;
    if (listener === undefined) return;
    this.#onEnd = undefined;
    for (const cleanUp of this.#cleanUp) cleanUp();
    if (this.#startedAtMs === undefined) this.queueMs = this.#clock.now() - this.#queuedAtMs;
    listener(outcome, this.runMs);
    settle();
  }
}
