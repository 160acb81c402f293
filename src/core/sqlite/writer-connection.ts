import { TradedbError } from '../error.ts';
import type { RetryCount } from './busy-retry.ts';
import { Connection } from './connection.ts';
import type { HookList } from './hooks.ts';
import { runTransaction, type TransactionOptions } from './transaction.ts';

/** What happens around the outermost transactions of the writer. */
export interface WriterLayer {
  readonly hooks: HookList;
  /** Commits queued group operations: program order is commit order. */
  flushQueued(): void;
  /** `count` holds the retries of this call; all zero for almost every one. */
  ended(committed: boolean, count: RetryCount): void;
}

/**
 * The one writing connection of a trading database. Whoever holds it (the order store, an engine) goes through group
 * order, hooks and metrics by calling `tx` as on any connection. Its transactions begin with `tx`, never with BEGIN as a
 * text.
 */
export class WriterConnection extends Connection {
  #layer: WriterLayer | undefined;
  #count: RetryCount = { tries: 0, waitedMs: 0, byCode: {} };

  /**
   * False when no transaction can be open. A plain field: asking SQLite costs as much as a twentieth of a point read. It
   * may stay true after SQLite rolled back by itself, so ask `inTransaction` then.
   */
  mayBeInTransaction = false;

  override begin(): void {
    super.begin();
    this.mayBeInTransaction = true;
  }

  override beginRead(): void {
    super.beginRead();
    this.mayBeInTransaction = true;
  }

  override commit(): void {
    super.commit();
    this.mayBeInTransaction = false;
  }

  override rollback(): void {
    super.rollback();
    this.mayBeInTransaction = false;
  }

  attach(layer: WriterLayer): void {
    this.#layer = layer;
  }

  override tx<T>(fn: (connection: this) => T, options: TransactionOptions = {}, count?: RetryCount): T {
    const layer = this.#layer;
    if (layer === undefined || (this.mayBeInTransaction && this.inTransaction)) return super.tx(fn, options, count);
    layer.flushQueued();
    if (layer.hooks.wants('onTransaction')) return this.#observed(layer, fn, options, count);
    let committed = false;
    try {
      const result = runTransaction(this, () => fn(this), options, count ?? this.#count);
      committed = true;
      return result;
    } finally {
      layer.ended(committed, count ?? this.#takeCount());
    }
  }

  #observed<T>(
    layer: WriterLayer,
    fn: (connection: this) => T,
    options: TransactionOptions,
    count: RetryCount = { tries: 0, waitedMs: 0, byCode: {} },
  ): T {
    const { clock } = this.ports;
    const startedMs = clock.now();
    let committed = false;
    let failure: unknown;
    try {
      const result = runTransaction(this, () => fn(this), options, count);
      committed = true;
      return result;
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      const totalMs = clock.now() - startedMs;
      layer.ended(committed, count);
      layer.hooks.emit('onTransaction', {
        name: options.name ?? 'tx',
        committed,
        ...(failure instanceof TradedbError ? { errorCode: failure.code } : {}),
        retries: count.tries,
        retriesByCode: count.byCode,
        waitMs: count.waitedMs,
        serviceMs: totalMs - count.waitedMs,
      });
    }
  }

  /** The same object serves every call that met no lock, so the usual transaction allocates none. */
  #takeCount(): RetryCount {
    const count = this.#count;
    if (count.tries > 0) this.#count = { tries: 0, waitedMs: 0, byCode: {} };
    return count;
  }
}
