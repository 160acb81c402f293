import { createRequire } from 'node:module';

/**
 * The part of better-sqlite3 that this room uses, in our own words: the published declarations stand alone, and the
 * package (8 ms) is loaded by the first connection, not by the first import.
 */
export interface RawStatement {
  readonly source: string;
  readonly reader: boolean;
  readonly readonly: boolean;
  readonly busy: boolean;
  columns(): { name: string; table: string | null; type: string | null }[];
  raw(on: boolean): this;
  safeIntegers(on: boolean): this;
  run(...parameters: unknown[]): { changes: number; lastInsertRowid: number | bigint };
  get(...parameters: unknown[]): unknown;
  all(...parameters: unknown[]): unknown[];
  iterate(...parameters: unknown[]): IterableIterator<unknown>;
}

export interface CopyProgress {
  readonly totalPages: number;
  readonly remainingPages: number;
}

export interface RawDatabase {
  readonly open: boolean;
  readonly inTransaction: boolean;
  prepare(sql: string): RawStatement;
  exec(sql: string): unknown;
  pragma(text: string): unknown;
  backup(target: string, options: { progress(step: CopyProgress): number }): Promise<CopyProgress>;
  unsafeMode(on: boolean): unknown;
  close(): unknown;
}

export interface OpenOptions {
  readonly readonly?: boolean;
  readonly fileMustExist?: boolean;
  /** Of SQLite's own busy handler. We wait ourselves, so it is always 0. */
  readonly timeout: number;
}

type Driver = new (path: string, options: OpenOptions) => RawDatabase;

let driver: Driver | undefined;

export function openRaw(path: string, options: OpenOptions): RawDatabase {
  driver ??= createRequire(import.meta.url)('better-sqlite3') as Driver;
  return new driver(path, options);
}

/** What better-sqlite3 throws. Known by its name, so that telling errors apart does not load the package. */
export interface DriverError extends Error {
  /** Extended result code, such as `SQLITE_BUSY_SNAPSHOT`. */
  readonly code: string;
}

export function isDriverError(error: unknown): error is DriverError {
  return error instanceof Error && error.name === 'SqliteError' && 'code' in error && typeof error.code === 'string';
}
