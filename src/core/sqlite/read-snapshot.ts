import { TradedbError } from '../error.ts';
import type { Connection } from './connection.ts';
import type { HookList } from './hooks.ts';
import type { ResultCache, SnapshotVersion } from './result-cache.ts';
import type { Row, SqlParameters, SqlValue } from './statement.ts';
import { refuseAsync } from './transaction.ts';

export interface ReadOptions {
  /** Name in events. */
  readonly name?: string;
  /** Age in milliseconds at which the snapshot is reported; at ten times of it the next query throws. */
  readonly maxAgeMs?: number;
}

/** Age is looked at on every 64th query: a clock costs as much as a hundredth of a point read, a loop has many. */
const agePeriod = 64;

const refusalFactor = 10;

export interface SnapshotLimits {
  readonly name: string;
  readonly maxAgeMs: number;
  readonly hooks: HookList;
  /** Absent where the connection writes: its own rows do not move data_version. */
  readonly cache?: ResultCache;
  readonly onOverdue: () => void;
}

/** The queries of one `read`: all of them see the same state of the database. */
export class ReadSnapshot {
  readonly #connection: Connection;
  readonly #limits: SnapshotLimits;
  readonly #startedMs: number;
  #queries = 0;
  #overdue = false;
  #version: SnapshotVersion | undefined;

  constructor(connection: Connection, limits: SnapshotLimits) {
    this.#connection = connection;
    this.#limits = limits;
    this.#startedMs = connection.ports.clock.now();
  }

  get<T = Row>(sql: string, parameters?: SqlParameters): T | undefined {
    if (this.#queries++ === 0) return this.#first(() => this.#connection.get<T>(sql, parameters));
    if (this.#queries % agePeriod === 0) this.#checkAge();
    return this.#connection.get<T>(sql, parameters);
  }

  all<T = Row>(sql: string, parameters?: SqlParameters): T[] {
    if (this.#queries++ === 0) return this.#first(() => this.#connection.all<T>(sql, parameters));
    if (this.#queries % agePeriod === 0) this.#checkAge();
    return this.#connection.all<T>(sql, parameters);
  }

  /** The first column of the first row. */
  value(sql: string, parameters?: SqlParameters): SqlValue | undefined {
    const row = this.get(sql, parameters);
    return row === undefined ? undefined : Object.values(row)[0];
  }

  /** Rows one by one. The age is looked at on every 64th row too. */
  *iterate<T = Row>(sql: string, parameters?: SqlParameters): Generator<T, void, undefined> {
    this.#queries += 1;
    for (const row of this.#connection.iterate<T>(sql, parameters)) {
      yield row;
      if (this.#queries++ % agePeriod === 0) this.#checkAge();
    }
  }

  /** Like `all`, from the result cache when the same query was answered for this state of the database before. */
  cached<T = Row>(sql: string, parameters?: SqlParameters): readonly T[] {
    const { cache } = this.#limits;
    if (cache === undefined) return this.all<T>(sql, parameters);
    if (this.#version === undefined) this.#version = this.#first(() => cache.versionOf(this.#connection));
    if (this.#queries++ % agePeriod === agePeriod - 1) this.#checkAge();
    return cache.lookUp<T>(this.#connection, this.#version, { sql, parameters });
  }

  get queries(): number {
    return this.#queries;
  }

  ageMs(): number {
    return this.#connection.ports.clock.now() - this.#startedMs;
  }

  /** The snapshot is taken by the first query, so only that one can meet a lock, and nothing depends on it yet. */
  #first<T>(query: () => T): T {
    return this.#connection.waitWhileBusy(query);
  }

  #checkAge(): void {
    const { maxAgeMs, hooks, name, onOverdue } = this.#limits;
    const ageMs = this.ageMs();
    if (ageMs < maxAgeMs) return;
    if (!this.#overdue) {
      this.#overdue = true;
      onOverdue();
      if (hooks.wants('onRead')) hooks.emit('onRead', { name, queries: this.#queries, ageMs, overdue: true });
    }
    if (ageMs < maxAgeMs * refusalFactor) return;
    throw new TradedbError('deadline_exceeded', `the read snapshot is ${Math.round(ageMs)} ms old`, {
      hint: 'an old snapshot keeps checkpoints from shrinking the WAL: read in smaller parts, or raise connection.readMaxAge',
      details: { ageMs, maxAgeMs },
    });
  }
}

/** Runs `fn` in one deferred transaction of a reading connection. */
export function runRead<T>(connection: Connection, limits: SnapshotLimits, fn: (snapshot: ReadSnapshot) => T): T {
  connection.beginRead();
  const snapshot = new ReadSnapshot(connection, limits);
  try {
    const result = fn(snapshot);
    refuseAsync(result);
    return result;
  } finally {
    if (connection.inTransaction) connection.commit();
    if (limits.hooks.wants('onRead')) {
      limits.hooks.emit('onRead', {
        name: limits.name,
        queries: snapshot.queries,
        ageMs: snapshot.ageMs(),
        overdue: false,
      });
    }
  }
}
