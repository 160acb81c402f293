import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Clock, Random } from '../context.ts';
import { fromFileSystem, TradedbError } from '../error.ts';
import { retryWhileBusy } from './busy-retry.ts';
import { type EffectivePragmas, type PragmaProfile, synchronousNames } from './pragma-profile.ts';
import { type Row, type RunResult, type SqlParameters, type SqlValue, Statement } from './statement.ts';
import { StatementCache } from './statement-cache.ts';
import { runTransaction, type TransactionOptions } from './transaction.ts';
import { translateError } from './translate-error.ts';

export interface ConnectionPorts {
  readonly clock: Clock;
  readonly random: Random;
}

export interface ConnectionSettings extends ConnectionPorts {
  /** How long a call waits for a lock of another process. */
  readonly busyTimeoutMs?: number;
  readonly statementCacheSize?: number;
}

/** SQLite 3.7.0 to 3.51.2 can lose acknowledged commits when two connections write or checkpoint (WAL-reset bug). */
const oldestSafeVersion = [3, 51, 3] as const;

const defaultBusyTimeoutMs = 5000;

/**
 * One SQLite connection. All calls are synchronous. Values are always bound; errors arrive as TradedbError with the
 * extended result code in `details.sqliteCode`.
 */
export class Connection {
  readonly path: string;
  readonly readOnly: boolean;
  readonly ports: ConnectionPorts;
  readonly busyTimeoutMs: number;
  readonly #raw: Database.Database;
  readonly #cache: StatementCache;
  #savepoints = 0;

  /** Only the open functions of this file call this. */
  constructor(raw: Database.Database, path: string, readOnly: boolean, settings: ConnectionSettings) {
    this.#raw = raw;
    this.path = path;
    this.readOnly = readOnly;
    this.ports = { clock: settings.clock, random: settings.random };
    this.busyTimeoutMs = settings.busyTimeoutMs ?? defaultBusyTimeoutMs;
    this.#cache = new StatementCache(settings.statementCacheSize ?? 256, (sql) => this.prepare(sql));
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
    try {
      return new Statement(this.#raw.prepare(sql), this.path);
    } catch (error) {
      throw translateError(error, this.path);
    }
  }

  /** A prepared statement from the cache. */
  statement(sql: string): Statement {
    return this.#cache.get(sql);
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
    try {
      return this.#raw.pragma(text) as Row[];
    } catch (error) {
      throw translateError(error, this.path);
    }
  }

  pragmaValue(text: string): SqlValue | undefined {
    const row = this.pragma(text)[0];
    return row === undefined ? undefined : Object.values(row)[0];
  }

  /**
   * Runs `fn` in a write transaction that starts with BEGIN IMMEDIATE; inside another `tx` it becomes a savepoint.
   * `fn` may run more than once, so it must have no effect outside the database. Returns after COMMIT.
   */
  tx<T>(fn: (connection: this) => T, options: TransactionOptions = {}): T {
    if (this.inTransaction) return this.#savepoint(fn);
    return runTransaction(this, () => fn(this), options);
  }

  /** Runs `fn` in one read transaction: every query in it sees the same snapshot. */
  read<T>(fn: (connection: this) => T): T {
    if (this.inTransaction) return fn(this);
    this.run('BEGIN');
    try {
      return fn(this);
    } finally {
      if (this.inTransaction) this.run('COMMIT');
    }
  }

  #savepoint<T>(fn: (connection: this) => T): T {
    const name = `tradedb_${this.#savepoints++}`;
    this.run(`SAVEPOINT ${name}`);
    try {
      const result = fn(this);
      this.run(`RELEASE ${name}`);
      return result;
    } catch (error) {
      // SQLite may have rolled the whole transaction back by itself (disk full, I/O error).
      if (this.inTransaction) {
        this.run(`ROLLBACK TO ${name}`);
        this.run(`RELEASE ${name}`);
      }
      throw error;
    } finally {
      this.#savepoints -= 1;
    }
  }

  effectivePragmas(): EffectivePragmas {
    const number = (name: string): number => Number(this.pragmaValue(name) ?? 0);
    const pageSizeBytes = number('page_size');
    const cache = number('cache_size');
    return {
      sqliteVersion: this.sqliteVersion,
      journalMode: String(this.pragmaValue('journal_mode')),
      synchronous: synchronousNames[number('synchronous')] ?? 'off',
      walAutocheckpointPages: number('wal_autocheckpoint'),
      cacheSizeBytes: cache < 0 ? -cache * 1024 : cache * pageSizeBytes,
      mmapSizeBytes: number('mmap_size'),
      pageSizeBytes,
      foreignKeysEnabled: number('foreign_keys') === 1,
      busyTimeoutMs: this.busyTimeoutMs,
    };
  }

  /**
   * Copies the database as it stands in this connection's transaction into a new file, through SQLite's backup API.
   * Resolves only when the copy is complete: the API itself can report success without having made a file.
   */
  async backupTo(target: string, stepPages: number, onStep: (done: number, total: number) => void): Promise<number> {
    try {
      const result = await this.#raw.backup(target, {
        progress: ({ totalPages, remainingPages }) => {
          onStep(totalPages - remainingPages, totalPages);
          return stepPages;
        },
      });
      if (result.totalPages === 0 || statSync(target).size === 0) {
        throw new TradedbError('database_locked', `no copy of ${JSON.stringify(this.path)} was made: it is locked`);
      }
      return result.totalPages;
    } catch (error) {
      throw translateError(error, this.path);
    }
  }

  close(): void {
    this.#cache.clear();
    this.#raw.close();
  }
}

/** Refuses what cannot be a database by `stat` alone: nothing is opened. An empty file is refused with `allowEmpty` off. */
export function requireDatabaseFile(path: string, options: { allowEmpty?: boolean } = {}): void {
  let stats: ReturnType<typeof statSync>;
  try {
    stats = statSync(path);
  } catch (error) {
    const translated = fromFileSystem(error, path);
    if (translated instanceof TradedbError && translated.code === 'file_not_found') {
      throw new TradedbError('database_not_found', `database ${JSON.stringify(path)} does not exist`, {
        hint: 'check --database, or create one with: tradedb init',
        cause: error,
      });
    }
    throw translated;
  }
  if (!stats?.isFile()) {
    throw new TradedbError(
      'not_a_database',
      `${JSON.stringify(path)} is ${stats?.isDirectory() ? 'a folder' : 'no regular file'}, not a database`,
      {
        hint: 'give the path of the SQLite file itself',
      },
    );
  }
  if (stats.size === 0 && options.allowEmpty !== true) {
    throw new TradedbError('database_empty', `${JSON.stringify(path)} is an empty file, not a database`, {
      hint: 'create a schema with: tradedb migrate up --create',
    });
  }
}

function open(path: string, readonly: boolean, settings: ConnectionSettings): Connection {
  let raw: Database.Database | undefined;
  try {
    // SQLite's own busy handler starves some processes: waiting is done by busy-retry instead.
    raw = new Database(path, { readonly, timeout: 0 });
    const connection = new Connection(raw, path, readonly, settings);
    requireSafeVersion(connection);
    // Reads the header, so that a file that is no database is told here and not in the middle of the work.
    retryWhileBusy(() => connection.pragmaValue('schema_version'), {
      ...connection.ports,
      deadlineMs: connection.busyTimeoutMs,
      path,
    });
    return connection;
  } catch (error) {
    raw?.close();
    throw translateError(error, path);
  }
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

/** Opens an existing database for looking only. */
export function openReadOnly(path: string, settings: ConnectionSettings): Connection {
  requireDatabaseFile(path);
  const connection = open(path, true, settings);
  connection.pragma('query_only = 1');
  return connection;
}

/**
 * Opens an existing database for writing with a profile, and reads every pragma back. A database in another journal
 * mode or page size is opened as it is, never converted.
 */
export function openReadWrite(path: string, profile: PragmaProfile, settings: ConnectionSettings): Connection {
  requireDatabaseFile(path, { allowEmpty: true });
  const connection = open(path, false, settings);
  return applyProfile(connection, profile);
}

/** Creates a new database in WAL mode; refuses a path that exists and is not empty. */
export function createDatabase(path: string, profile: PragmaProfile, settings: ConnectionSettings): Connection {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > 0)
    throw new TradedbError('database_exists', `${JSON.stringify(path)} exists already`, {
      hint: 'choose another path',
    });
  const connection = open(path, false, settings);
  connection.pragma(`page_size = ${profile.pageSizeBytes}`);
  connection.pragma('journal_mode = WAL');
  return applyProfile(connection, profile);
}

/** A private database in memory, for schema experiments. */
export function openMemory(ports: ConnectionPorts): Connection {
  return new Connection(new Database(':memory:'), ':memory:', false, ports);
}

function applyProfile(connection: Connection, profile: PragmaProfile): Connection {
  const wanted: [string, number, number][] = [
    ['synchronous', profile.durability === 'full' ? 2 : 1, profile.durability === 'full' ? 2 : 1],
    ['wal_autocheckpoint', profile.walAutocheckpointPages, profile.walAutocheckpointPages],
    ['cache_size', -Math.round(profile.cacheSizeBytes / 1024), -Math.round(profile.cacheSizeBytes / 1024)],
    ['mmap_size', profile.mmapSizeBytes, profile.mmapSizeBytes],
    ['foreign_keys', profile.foreignKeys ? 1 : 0, profile.foreignKeys ? 1 : 0],
  ];
  try {
    for (const [name, value, expected] of wanted) {
      connection.pragma(`${name} = ${value}`);
      const found = Number(connection.pragmaValue(name));
      if (found !== expected) {
        throw new TradedbError('unsupported', `SQLite kept ${name} = ${found} although ${expected} was asked for`);
      }
    }
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}
