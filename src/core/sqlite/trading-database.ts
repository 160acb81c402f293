import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { TradedbError } from '../error.ts';
import type { HistogramData } from '../statistics/latency-histogram.ts';
import { BackgroundReaders, type PoolMetrics } from './background-reader/pool.ts';
import { startProcess, startThread } from './background-reader/reader-port.ts';
import { type CheckpointMetrics, type CheckpointResult, CheckpointScheduler } from './checkpoint.ts';
import { type Connection, createDatabase, openReadOnly, openReadWrite } from './connection.ts';
import { type ConnectionSection, profileOf, settingsOf } from './connection-section.ts';
import type { ConnectionPorts } from './connection-settings.ts';
import { GroupCommit, type GroupMetrics } from './group-commit.ts';
import { type CheckpointMode, type DatabaseHook, HookList } from './hooks.ts';
import { LatencyRecorder } from './latency-recorder.ts';
import type { EffectivePragmas } from './pragma-profile.ts';
import { makeQuery, type Query, type QueryOptions, type QuerySource } from './query.ts';
import { type ReadOptions, ReadSnapshot, runRead, type SnapshotLimits } from './read-snapshot.ts';
import { ResultCache, type ResultCacheMetrics } from './result-cache.ts';
import type { TransactionOptions } from './transaction.ts';
import { TransactionCounter, type TransactionMetrics } from './transaction-counter.ts';
import { WriterConnection } from './writer-connection.ts';

export interface OpenDatabaseOptions extends ConnectionPorts {
  readonly section: ConnectionSection;
  /** Make the file when it is missing or empty, in WAL mode. */
  readonly create?: boolean;
  /** Of a file that is made. */
  readonly pageSizeBytes?: number;
  readonly hooks?: readonly DatabaseHook[];
  /** Hears once of each hook that threw and was removed. */
  readonly onHookError?: (error: unknown) => void;
}

export interface DatabaseMetrics {
  readonly transactions: TransactionMetrics;
  readonly groups: GroupMetrics;
  readonly reads: { readonly snapshots: number; readonly overdue: number };
  readonly resultCache: ResultCacheMetrics;
  readonly cachedStatements: { readonly writer: number; readonly reader: number };
  readonly checkpoint: CheckpointMetrics;
  readonly background: PoolMetrics;
  readonly hookFailures: number;
  /** Service time by transaction name; only with a `LatencyRecorder` among the hooks. */
  readonly latency?: Readonly<Record<string, HistogramData>>;
}

/**
 * One database as a trading engine uses it: one writing and one reading connection, background readers, group commit,
 * result cache, checkpoints off the commit path. Point work is synchronous on the calling thread.
 */
export class TradingDatabase {
  readonly path: string;
  readonly background: BackgroundReaders;
  /** The writing connection; its `tx` is that of the database. */
  readonly writer: Connection;
  readonly #writer: WriterConnection;
  readonly #reader: Connection;
  readonly #group: GroupCommit;
  readonly #cache: ResultCache;
  readonly #checkpoints: CheckpointScheduler;
  readonly #hooks: HookList;
  readonly #latency: LatencyRecorder | undefined;
  readonly #counter = new TransactionCounter();
  readonly #readMaxAgeMs: number;
  readonly #readerSource: QuerySource;
  readonly #writerSource: QuerySource;
  #snapshot: ReadSnapshot | undefined;
  #snapshots = 0;
  #overdue = 0;
  #closing: Promise<void> | undefined;

  /** Call `openDatabase` instead. */
  constructor(
    path: string,
    connections: { writer: WriterConnection; reader: Connection },
    options: OpenDatabaseOptions,
  ) {
    const { section, clock } = options;
    const { writer, reader } = connections;
    this.path = path;
    this.writer = writer;
    this.#writer = writer;
    this.#reader = reader;
    this.#readMaxAgeMs = section.readMaxAge;
    this.#latency = options.hooks?.find((hook) => hook instanceof LatencyRecorder);
    this.#hooks = new HookList(options.hooks ?? [], options.onHookError ?? (() => {}));
    this.#cache = new ResultCache(section.resultCache);
    if (this.#hooks.wants('onStatement')) {
      for (const connection of [writer, reader]) {
        connection.observe((event) => this.#hooks.emit('onStatement', { ...event, connection }));
      }
    }
    this.#readerSource = {
      all: (sql, parameters) => reader.all(sql, parameters),
      get: (sql, parameters) => reader.get(sql, parameters),
      cached: (sql, parameters) => this.#cache.current(reader, { sql, parameters }),
    };
    this.#writerSource = {
      all: (sql, parameters) => writer.all(sql, parameters),
      get: (sql, parameters) => writer.get(sql, parameters),
      cached: (sql, parameters) => writer.all(sql, parameters),
    };
    const settings = {
      path,
      busyTimeoutMs: section.busyTimeout,
      statementCacheSize: section.statementCacheSize,
      cacheSizeBytes: section.cacheSize,
      mmapSizeBytes: section.mmapSize,
    };
    this.background = new BackgroundReaders(section.backgroundReaders, {
      clock,
      hooks: this.#hooks,
      startThread: (events) => startThread(settings, events),
      startProcess: (events) => startProcess(settings, events),
    });
    this.#checkpoints = new CheckpointScheduler(writer, section.checkpoint, this.#hooks, () => this.#ownReaders());
    this.#group = new GroupCommit(writer, section.groupCommit, this.#hooks, () => this.#checkpoints.committed());
    writer.attach({
      hooks: this.#hooks,
      flushQueued: () => {
        this.#requireOpen();
        if (this.#group.hasQueued) this.#group.flush();
      },
      ended: (committed, count) => {
        this.#counter.ended(committed, count);
        if (committed) this.#checkpoints.committed();
      },
    });
  }

  /**
   * Runs `fn` in a transaction that starts with BEGIN IMMEDIATE, waits for other processes up to the busy timeout, and
   * returns after COMMIT. Inside another `tx` it is a savepoint. `fn` may run more than once: no effects outside the
   * database. Throws `database_locked`, `constraint_violation`, `disk_full` and the other errors of this room.
   */
  tx<T>(fn: (transaction: Connection) => T, options: TransactionOptions = {}): T {
    return this.writer.tx(fn, options);
  }

  /**
   * Runs `fn` on one snapshot; nested calls join it. Inside `tx` it sees what the transaction has written. `fn` runs
   * once.
   */
  read<T>(fn: (snapshot: ReadSnapshot) => T, options: ReadOptions = {}): T {
    const inTransaction = this.#writer.mayBeInTransaction && this.#writer.inTransaction;
    if (this.#snapshot !== undefined && !inTransaction) return fn(this.#snapshot);
    this.#requireOpen();
    this.#snapshots += 1;
    const limits: SnapshotLimits = {
      name: options.name ?? 'read',
      maxAgeMs: options.maxAgeMs ?? this.#readMaxAgeMs,
      hooks: this.#hooks,
      onOverdue: () => {
        this.#overdue += 1;
      },
    };
    if (inTransaction) return fn(new ReadSnapshot(this.#writer, limits));
    try {
      return runRead(this.#reader, { ...limits, cache: this.#cache }, (snapshot) => {
        this.#snapshot = snapshot;
        return fn(snapshot);
      });
    } finally {
      this.#snapshot = undefined;
    }
  }

  /**
   * Queues a write for a commit that it shares with others (`groupCommit` of the options), and resolves after that
   * COMMIT with what `operation` returned. An operation that throws is undone alone.
   */
  enqueue<T>(operation: (transaction: Connection) => T): Promise<T> {
    if (this.#closing !== undefined) return Promise.reject(closedError(this.path));
    return this.#group.enqueue(operation);
  }

  /** A query on the current state; inside `tx` on that of the transaction, inside `read` on the snapshot. */
  query(sql: string, options: QueryOptions = {}): Query {
    const writer = this.#writer;
    return makeQuery(sql, options, () => {
      if (writer.mayBeInTransaction && writer.inTransaction) return this.#writerSource;
      return this.#snapshot ?? this.#readerSource;
    });
  }

  /** Moves committed pages from the WAL into the database file now. Waits for nobody: see `busy` of the result. */
  checkpoint(mode: CheckpointMode = 'passive'): CheckpointResult {
    this.#requireOpen();
    return this.#checkpoints.run(mode);
  }

  metrics(): DatabaseMetrics {
    const latency = this.#latency?.service;
    return {
      transactions: this.#counter.metrics(),
      groups: this.#group.metrics(),
      reads: { snapshots: this.#snapshots, overdue: this.#overdue },
      resultCache: this.#cache.metrics(),
      cachedStatements: { writer: this.writer.cachedStatements, reader: this.#reader.cachedStatements },
      checkpoint: this.#checkpoints.metrics(),
      background: this.background.metrics(),
      hookFailures: this.#hooks.failures,
      ...(latency === undefined
        ? {}
        : { latency: Object.fromEntries([...latency].map(([name, histogram]) => [name, histogram.toJSON()])) }),
    };
  }

  /** What the writing connection really has, read back from SQLite. */
  effectivePragmas(): EffectivePragmas {
    return this.writer.effectivePragmas();
  }

  /**
   * Commits what is queued, ends background reads with `database_closed`, and closes all connections; the last one
   * out moves the WAL into the file. Resolves when the reader threads are gone. A second call gives the same promise.
   */
  close(): Promise<void> {
    if (this.writer.inTransaction || this.#snapshot !== undefined) {
      return Promise.reject(new TradedbError('usage', 'close() was called inside tx() or read()'));
    }
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#checkpoints.stop();
    this.#group.flush();
    // The writer goes last: only a writing connection can move the WAL into the file as the last one out.
    if (this.background.started) await this.background.close();
    this.#reader.close();
    this.writer.close();
    this.#cache.clear();
  }

  #ownReaders(): number {
    return this.background.active + (this.#snapshot === undefined ? 0 : 1) + this.#reader.iterators.size;
  }

  #requireOpen(): void {
    if (this.#closing !== undefined) throw closedError(this.path);
  }
}

function closedError(path: string): TradedbError {
  return new TradedbError('database_closed', `database ${JSON.stringify(path)} is closed`);
}

type DatabaseType<D extends TradingDatabase> = new (
  path: string,
  connections: { writer: WriterConnection; reader: Connection },
  options: OpenDatabaseOptions,
) => D;

/** Opens a database for an engine. Throws `database_not_found`, `not_a_database`, `read_only`, `config_invalid`, ... */
export function openDatabase<D extends TradingDatabase = TradingDatabase>(
  file: string,
  options: OpenDatabaseOptions,
  Type: DatabaseType<D> = TradingDatabase as DatabaseType<D>,
): D {
  // Absolute, because a thread or a later call may have another working directory.
  const path = resolve(file);
  const { section, create = false, pageSizeBytes } = options;
  const profile = profileOf(section, pageSizeBytes);
  const settings = settingsOf(section, options);
  const empty = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
  const writer =
    create && empty
      ? createDatabase(path, profile, settings, WriterConnection)
      : openReadWrite(path, profile, settings, WriterConnection);
  try {
    const reader = openReadOnly(path, settings, profile);
    return new Type(path, { writer, reader }, options);
  } catch (error) {
    writer.close();
    throw error;
  }
}
