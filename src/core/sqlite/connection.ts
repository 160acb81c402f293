import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { TradedbError } from '../error.ts';
import { type RetryCount, retryWhileBusy } from './busy-retry.ts';
import { type ConnectionPorts, type ConnectionSettings, defaultBusyTimeoutMs } from './connection-settings.ts';
import { requireDatabaseFile } from './database-file.ts';
import { openRaw, type RawDatabase, type RawStatement } from './driver.ts';
import type { StatementEvent } from './hooks.ts';
import { observeStatement } from './observed-statement.ts';
import { onlineCopy } from './online-copy.ts';
import {
  applyProfile,
  applyReaderProfile,
  type EffectivePragmas,
  type PragmaProfile,
  readPragmas,
} from './pragma-profile.ts';
import { keepRawHandle } from './raw-handle.ts';
import { runSavepoint } from './savepoint.ts';
import {
  type OpenIterator,
  type Row,
  type RunResult,
  type SqlParameters,
  type SqlValue,
  Statement,
} from './statement.ts';
import { StatementCache, type StatementModes } from './statement-cache.ts';
import { runTransaction, type TransactionOptions } from './transaction.ts';
import { translateError } from './translate-error.ts';

export type { ConnectionPorts, ConnectionSettings } from './connection-settings.ts';
export { requireDatabaseFile } from './database-file.ts';

/** SQLite 3.7.0 to 3.51.2 can lose acknowledged commits when two connections write or checkpoint (WAL-reset bug). */
const oldestSafeVersion = [3, 51, 3] as const;

type Controls = Readonly<Record<'begin' | 'beginRead' | 'commit' | 'rollback', RawStatement>>;

/**
 * One SQLite connection. All calls are synchronous. Values are always bound; errors arrive as TradedbError with the
 * extended result code in `details.sqliteCode`.
 */
export class Connection {
  readonly path: string;
  readonly readOnly: boolean;
  readonly ports: ConnectionPorts;
  readonly busyTimeoutMs: number;
  /** Iterations that are still open on this connection. */
  readonly iterators: Set<OpenIterator> = new Set();
  readonly #raw: RawDatabase;
  readonly #cache: StatementCache;
  #control: Controls | undefined;
  #listener: ((event: Omit<StatementEvent, 'connection'>) => void) | undefined;
  #savepoints = 0;
  #reading = false;

  /** Only the open functions of this file call this. */
  constructor(raw: RawDatabase, path: string, readOnly: boolean, settings: ConnectionSettings) {
    this.#raw = raw;
    this.path = path;
    this.readOnly = readOnly;
    this.ports = { clock: settings.clock, random: settings.random };
    this.busyTimeoutMs = settings.busyTimeoutMs ?? defaultBusyTimeoutMs;
    this.#cache = new StatementCache(settings.statementCacheSize ?? 256, (sql) => this.prepare(sql));
    keepRawHandle(this, raw);
  }

  get inTransaction(): boolean {
    return this.#raw.inTransaction;
  }

  get isOpen(): boolean {
    return this.#raw.open;
  }

  get sqliteVersion(): string {
    return String(this.value('SELECT sqlite_version()'));
  }

  /** Prepares exactly one statement, without the cache. */
  prepare(sql: string): Statement {
    const raw = this.#guard(() => this.#raw.prepare(sql));
    const listener = this.#listener;
    return new Statement(listener === undefined ? raw : observeStatement(raw, listener, this.ports.clock), this);
  }

  /** Tells every execution of a statement that is prepared from now on. */
  observe(listener: (event: Omit<StatementEvent, 'connection'>) => void): void {
    this.#listener = listener;
    this.#cache.clear();
  }

  /** A prepared statement from the cache, which other callers use too. */
  statement(sql: string, modes?: StatementModes): Statement {
    return this.#cache.get(sql, modes);
  }

  /** Statements that the cache holds. */
  get cachedStatements(): number {
    return this.#cache.size;
  }

  run(sql: string, parameters?: SqlParameters): RunResult {
    return this.statement(sql).run(parameters);
  }

  get<T = Row>(sql: string, parameters?: SqlParameters): T | undefined {
    return this.statement(sql).get<T>(parameters);
  }

  all<T = Row>(sql: string, parameters?: SqlParameters): T[] {
    return this.statement(sql).all<T>(parameters);
  }

  iterate<T = Row>(sql: string, parameters?: SqlParameters): Generator<T, void, undefined> {
    return this.statement(sql).iterate<T>(parameters);
  }

  /** The first column of the first row. */
  value(sql: string, parameters?: SqlParameters): SqlValue | undefined {
    const row = this.get(sql, parameters);
    return row === undefined ? undefined : Object.values(row)[0];
  }

  /** Runs a text of any number of statements; outside a transaction, earlier ones stay when a later one fails. */
  exec(sql: string): void {
    try {
      this.#raw.exec(sql);
    } catch (error) {
      throw translateError(error, this.path);
    }
  }

  /** Rows of a PRAGMA; `text` is what stands behind the keyword. Never goes through the statement cache. */
  pragma(text: string): Row[] {
    return this.#guard(() => this.#raw.pragma(text) as Row[]);
  }

  pragmaValue(text: string): SqlValue | undefined {
    const row = this.pragma(text)[0];
    return row === undefined ? undefined : Object.values(row)[0];
  }

  /**
   * Runs `fn` in a write transaction that starts with BEGIN IMMEDIATE; inside another `tx` it becomes a savepoint.
   * `fn` may run more than once, so it must have no effect outside the database. Returns after COMMIT. `count`, when
   * given, receives tries and waiting time.
   */
  tx<T>(fn: (connection: this) => T, options: TransactionOptions = {}, count?: RetryCount): T {
    if (this.inTransaction) {
      if (this.#reading) throw writeInsideRead();
      return this.#nest(fn);
    }
    return runTransaction(this, () => fn(this), options, count);
  }

  /** Runs `fn` in one read transaction: every query in it sees the snapshot that was taken before it started. */
  read<T>(fn: (connection: this) => T): T {
    if (this.inTransaction) return fn(this);
    this.waitWhileBusy(() => this.#takeSnapshot());
    this.#reading = true;
    try {
      return fn(this);
    } finally {
      this.#reading = false;
      if (this.inTransaction) this.#endRead();
    }
  }

  /** BEGIN IMMEDIATE without waiting: the write lock, or a busy error at once. */
  begin(): void {
    this.#controls().begin.run();
  }

  /** A deferred BEGIN: the snapshot is that of the first statement. */
  beginRead(): void {
    this.#controls().beginRead.run();
  }

  commit(): void {
    if (this.iterators.size > 0) this.#closeIterators();
    this.#controls().commit.run();
  }

  rollback(): void {
    if (this.iterators.size > 0) this.#closeIterators();
    this.#controls().rollback.run();
  }

  /** Repeats `work` while another process is in the way, up to the busy timeout; then `database_locked`. */
  waitWhileBusy<T>(work: () => T): T {
    return retryWhileBusy(work, { ...this.ports, deadlineMs: this.busyTimeoutMs, path: this.path });
  }

  effectivePragmas(): EffectivePragmas {
    return readPragmas(this);
  }

  /** Copies the database into a new file; see `onlineCopy`. Resolves with the number of pages. */
  backupTo(target: string, stepPages: number, onStep: (done: number, total: number) => void): Promise<number> {
    return onlineCopy(this, target, { stepPages, onStep });
  }

  close(): void {
    if (this.iterators.size > 0) this.#closeIterators();
    this.#cache.clear();
    this.#raw.close();
  }

  /** An open iteration keeps SQLite from ending the transaction. */
  #closeIterators(): void {
    for (const iterator of [...this.iterators]) iterator.close();
  }

  #nest<T>(fn: (connection: this) => T): T {
    const depth = this.#savepoints++;
    try {
      return runSavepoint(this, depth, () => fn(this));
    } finally {
      this.#savepoints = depth;
    }
  }

  /** A damaged file may refuse even the COMMIT of a reader; a ROLLBACK gives the snapshot back as well. */
  #endRead(): void {
    try {
      this.commit();
    } catch (error) {
      if (this.inTransaction) this.rollback();
      throw translateError(error, this.path);
    }
  }

  /** A deferred BEGIN takes no snapshot; the first read does. */
  #takeSnapshot(): void {
    this.beginRead();
    try {
      this.get('SELECT 1 FROM sqlite_schema LIMIT 1');
    } catch (error) {
      if (this.inTransaction) this.rollback();
      throw error;
    }
  }

  #controls(): Controls {
    this.#control ??= {
      begin: this.#raw.prepare('BEGIN IMMEDIATE'),
      beginRead: this.#raw.prepare('BEGIN'),
      commit: this.#raw.prepare('COMMIT'),
      rollback: this.#raw.prepare('ROLLBACK'),
    };
    return this.#control;
  }

  #guard<T>(work: () => T): T {
    try {
      return this.inTransaction ? work() : this.waitWhileBusy(work);
    } catch (error) {
      throw translateError(error, this.path);
    }
  }
}

function writeInsideRead(): TradedbError {
  return new TradedbError('usage', 'tx() was called inside read() of the same connection', {
    hint: 'a transaction that begins with a read fails as soon as another process has written: read inside tx() instead',
  });
}

type ConnectionType<C extends Connection> = new (
  raw: RawDatabase,
  path: string,
  readOnly: boolean,
  settings: ConnectionSettings,
) => C;

function open<C extends Connection>(
  path: string,
  readonly: boolean,
  settings: ConnectionSettings,
  Type: ConnectionType<C>,
): C {
  let raw: RawDatabase | undefined;
  try {
    // SQLite's own busy handler starves some processes: waiting is done by busy-retry instead.
    raw = openRaw(driverPath(path), { readonly, timeout: 0 });
    const connection = new Type(raw, path, readonly, settings);
    requireSafeVersion(connection);
    // Reads the header, so that a file that is no database is told here and not in the middle of the work.
    connection.pragmaValue('schema_version');
    return connection;
  } catch (error) {
    raw?.close();
    throw translateError(error, path);
  }
}

/** Absolute, so that no name reads as an option of the driver; the driver would cut off spaces at the end. */
function driverPath(path: string): string {
  const absolute = resolve(path);
  if (absolute === absolute.trim()) return absolute;
  throw new TradedbError('unsupported', `the driver cannot open ${JSON.stringify(path)}: it cuts off outer spaces`, {
    hint: 'open it through a symbolic link without a space at the end of its name',
  });
}

function requireSafeVersion(connection: Connection): void {
  const parts = connection.sqliteVersion.split('.').map(Number);
  for (const [index, wanted] of oldestSafeVersion.entries()) {
    const found = parts[index] ?? 0;
    if (found > wanted) return;
    if (found < wanted) {
      throw new TradedbError(
        'unsupported',
        `SQLite ${connection.sqliteVersion} can lose commits; 3.51.3 or newer is needed`,
      );
    }
  }
}

/** Opens an existing database for looking only; of a profile, the cache and the memory map count here. */
export function openReadOnly(
  path: string,
  settings: ConnectionSettings,
  profile?: Pick<PragmaProfile, 'cacheSizeBytes' | 'mmapSizeBytes'>,
): Connection {
  requireDatabaseFile(path);
  const connection = open(path, true, settings, Connection);
  return configured(connection, () => {
    if (profile !== undefined) applyReaderProfile(connection, profile);
    connection.pragma('query_only = 1');
  });
}

/**
 * Opens an existing database for writing with a profile, and reads every pragma back. A database in another journal
 * mode or page size is opened as it is, never converted. `Type` is for a subclass of this room.
 */
export function openReadWrite<C extends Connection = Connection>(
  path: string,
  profile: PragmaProfile,
  settings: ConnectionSettings,
  Type: ConnectionType<C> = Connection as ConnectionType<C>,
): C {
  requireDatabaseFile(path, { allowEmpty: true });
  const connection = open(path, false, settings, Type);
  return configured(connection, () => applyProfile(connection, profile));
}

/** Creates a new database in WAL mode; refuses a path that exists and is not empty. `Type` as in `openReadWrite`. */
export function createDatabase<C extends Connection = Connection>(
  path: string,
  profile: PragmaProfile,
  settings: ConnectionSettings,
  Type: ConnectionType<C> = Connection as ConnectionType<C>,
): C {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > 0) {
    throw new TradedbError('database_exists', `${JSON.stringify(path)} exists already`, {
      hint: 'choose another path',
    });
  }
  const connection = open(path, false, settings, Type);
  return configured(connection, () => {
    connection.pragma(`page_size = ${profile.pageSizeBytes}`);
    connection.pragma('journal_mode = WAL');
    applyProfile(connection, profile);
  });
}

/** A private database in memory, for schema experiments. */
export function openMemory(ports: ConnectionPorts): Connection {
  return new Connection(openRaw(':memory:', { timeout: 0 }), ':memory:', false, ports);
}

/**
 * A private database that SQLite keeps in its cache and, when it grows, in a file that nobody else can see and that is gone
 * when it is closed: for look-ups over more rows than memory should hold.
 */
export function openTemporary(ports: ConnectionPorts): Connection {
  return new Connection(openRaw('', { timeout: 0 }), '', false, ports);
}

/** Closes a connection whose settings could not be made. */
function configured<C extends Connection>(connection: C, configure: () => void): C {
  try {
    configure();
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}
