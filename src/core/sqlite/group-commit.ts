import { TradedbError } from '../error.ts';
import { BusyWait, isWorthRetrying, type RetryCount } from './busy-retry.ts';
import type { Connection } from './connection.ts';
import type { HookList } from './hooks.ts';
import { refuseAsync, rollBack } from './transaction.ts';
import { translateError } from './translate-error.ts';

export interface GroupLimits {
  /** Operations per commit; 1 commits each alone. */
  readonly maxOperations: number;
  /** How long the first operation may wait for others, in milliseconds; 0 ends the group with the turn. */
  readonly maxDelay: number;
  readonly maxQueued: number;
}

export interface GroupMetrics {
  readonly groups: number;
  readonly operations: number;
  readonly rejected: number;
  readonly retries: number;
  readonly waitedMs: number;
  readonly queued: number;
}

interface Operation {
  readonly run: (connection: Connection) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/**
 * Several operations in one commit. Each runs in a savepoint of its own, so that one that fails is undone and rejected
 * alone; the promises settle after COMMIT, in the order of the queue.
 */
export class GroupCommit {
  readonly #connection: Connection;
  readonly #limits: GroupLimits;
  readonly #hooks: HookList;
  readonly #onCommit: () => void;
  #queue: Operation[] = [];
  #wait: BusyWait | undefined;
  #closing = false;
  #sleeping = false;
  #metrics = { groups: 0, operations: 0, rejected: 0, retries: 0, waitedMs: 0 };

  constructor(connection: Connection, limits: GroupLimits, hooks: HookList, onCommit: () => void) {
    this.#connection = connection;
    this.#limits = limits;
    this.#hooks = hooks;
    this.#onCommit = onCommit;
  }

  get hasQueued(): boolean {
    return this.#queue.length > 0;
  }

  metrics(): GroupMetrics {
    return { ...this.#metrics, queued: this.#queue.length };
  }

  enqueue<T>(run: (connection: Connection) => T): Promise<T> {
    const { maxQueued, maxOperations } = this.#limits;
    if (this.#queue.length >= maxQueued) {
      return Promise.reject(
        new TradedbError('queue_full', `${maxQueued} operations are waiting for their commit already`, {
          hint: 'wait for earlier promises before the next enqueue(), or raise connection.groupCommit.maxQueued',
        }),
      );
    }
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ run, resolve: resolve as (value: unknown) => void, reject });
      if (this.#sleeping) return;
      if (this.#queue.length >= maxOperations && !this.#connection.inTransaction) this.#drain(true);
      else this.#closeLater();
    });
  }

  /** Commits everything that is queued, waiting for locks on this thread: a `tx` that follows must come after it. */
  flush(): void {
    while (this.#queue.length > 0) {
      const busy = this.#attempt();
      if (busy === undefined) continue;
      const ms = this.#nextWait(busy);
      if (ms !== undefined) this.#connection.ports.clock.sleepSync(ms);
    }
  }

  #closeLater(): void {
    if (this.#closing) return;
    this.#closing = true;
    const { clock } = this.#connection.ports;
    const close = (): void => {
      this.#closing = false;
      if (this.#sleeping || !this.#connection.isOpen) return;
      if (this.#connection.inTransaction) this.#closeLater();
      else this.#drain(false);
    };
    if (this.#limits.maxDelay > 0) void clock.sleep(this.#limits.maxDelay).then(close);
    else clock.defer(close);
  }

  /** Commits whole groups; without `onlyFull` also the last, smaller one. A busy answer is waited for without blocking. */
  #drain(onlyFull: boolean): void {
    const least = onlyFull ? this.#limits.maxOperations : 1;
    while (this.#queue.length >= least) {
      const busy = this.#attempt();
      if (busy === undefined) continue;
      const ms = this.#nextWait(busy);
      if (ms === undefined) continue;
      this.#sleeping = true;
      void this.#connection.ports.clock.sleep(ms).then(() => {
        this.#sleeping = false;
        if (this.#connection.inTransaction) this.#closeLater();
        else if (this.#connection.isOpen) this.#drain(false);
      });
      return;
    }
  }

  /** One try to commit the group at the head of the queue: undefined when it is settled, otherwise the busy error. */
  #attempt(): unknown {
    const batch = this.#queue.slice(0, this.#limits.maxOperations);
    const wants = this.#hooks.wants('onGroup');
    const startedMs = wants ? this.#connection.ports.clock.now() : 0;
    let outcomes: Outcome[];
    let committed = true;
    try {
      outcomes = this.#perform(batch);
    } catch (error) {
      if (isWorthRetrying(error)) return error;
      const translated = translateError(error, this.#connection.path);
      outcomes = batch.map(() => ({ error: translated }));
      committed = false;
    }
    const count = this.#settle(batch, outcomes, committed);
    if (committed) this.#onCommit();
    if (!wants) return undefined;
    this.#hooks.emit('onGroup', {
      operations: batch.length,
      rejected: outcomes.filter((outcome) => 'error' in outcome).length,
      committed,
      retries: count?.tries ?? 0,
      waitMs: count?.waitedMs ?? 0,
      serviceMs: this.#connection.ports.clock.now() - startedMs,
    });
    return undefined;
  }

  #perform(batch: readonly Operation[]): Outcome[] {
    const connection = this.#connection;
    try {
      connection.begin();
      const [only] = batch;
      const outcomes =
        batch.length === 1 && only !== undefined
          ? [{ value: this.#alone(only) }]
          : batch.map((operation) => this.#isolated(operation));
      connection.waitWhileBusy(() => connection.commit());
      return outcomes;
    } catch (error) {
      rollBack(connection);
      throw error;
    }
  }

  /** A group of one needs no savepoint: its failure is the failure of the transaction. */
  #alone(operation: Operation): unknown {
    const value = operation.run(this.#connection);
    refuseAsync(value);
    return value;
  }

  #isolated(operation: Operation): Outcome {
    try {
      // Inside the open transaction this is a savepoint.
      return { value: this.#connection.tx(operation.run) };
    } catch (error) {
      // Busy: the whole group again. Transaction gone: SQLite undid the earlier operations too (disk full, I/O error).
      if (isWorthRetrying(error) || !this.#connection.inTransaction) throw error;
      return { error };
    }
  }

  #settle(batch: readonly Operation[], outcomes: readonly Outcome[], committed: boolean): RetryCount | undefined {
    this.#queue.splice(0, batch.length);
    const count = this.#wait?.count;
    this.#wait = undefined;
    this.#metrics.groups += committed ? 1 : 0;
    this.#metrics.operations += batch.length;
    this.#metrics.retries += count?.tries ?? 0;
    this.#metrics.waitedMs += count?.waitedMs ?? 0;
    for (const [index, operation] of batch.entries()) {
      const outcome = outcomes[index];
      if (outcome !== undefined && 'value' in outcome) operation.resolve(outcome.value);
      else {
        this.#metrics.rejected += 1;
        operation.reject(outcome?.error);
      }
    }
    return count;
  }

  /** Milliseconds until the next try; undefined when the deadline passed and the group was rejected. */
  #nextWait(error: unknown): number | undefined {
    const { ports, busyTimeoutMs, path } = this.#connection;
    this.#wait ??= new BusyWait({ ...ports, deadlineMs: busyTimeoutMs, path });
    try {
      return this.#wait.next(error);
    } catch (gaveUp) {
      const batch = this.#queue.slice(0, this.#limits.maxOperations);
      this.#settle(
        batch,
        batch.map(() => ({ error: gaveUp })),
        false,
      );
      return undefined;
    }
  }
}
