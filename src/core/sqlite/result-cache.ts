import type { Connection } from './connection.ts';
import type { Row, SqlParameters, SqlValue } from './statement.ts';

/** The state of the database that a snapshot sees, as `PRAGMA data_version` of its connection names it. */
export type SnapshotVersion = number;

interface Query {
  readonly sql: string;
  readonly parameters: SqlParameters | undefined;
}

interface Entry {
  readonly version: SnapshotVersion;
  readonly rows: readonly unknown[];
  readonly bytes: number;
}

export interface ResultCacheMetrics {
  readonly hits: number;
  readonly misses: number;
  readonly entries: number;
  readonly bytes: number;
}

/**
 * Results of queries that asked for it, each with the state of the database that it was read from. It serves one
 * connection that never writes, so `data_version` alone tells of every commit: of this process's writer, of other
 * processes, of DDL, of VACUUM.
 */
export class ResultCache {
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #hits = 0;
  #misses = 0;

  constructor(limits: { readonly entries: number; readonly bytes: number }) {
    this.#maxEntries = limits.entries;
    this.#maxBytes = limits.bytes;
  }

  /** Inside a transaction this also takes the snapshot, so the version and what is read after it belong together. */
  versionOf(connection: Connection): SnapshotVersion {
    const row = connection.get<{ data_version: number }>('PRAGMA data_version');
    return row?.data_version ?? -1;
  }

  /** The rows of `query` in the state `version`, which the connection must see in its open transaction. */
  lookUp<T>(connection: Connection, version: SnapshotVersion, query: Query): readonly T[] {
    const key = keyOf(query);
    const known = this.#entries.get(key);
    if (known?.version === version) return this.#hit<T>(key, known);
    const rows = connection.all<T>(query.sql, query.parameters);
    this.#misses += 1;
    this.#store(key, version, rows);
    return rows;
  }

  /** The rows of `query` as the database is now, outside a transaction. */
  current<T>(connection: Connection, query: Query): readonly T[] {
    const key = keyOf(query);
    const known = this.#entries.get(key);
    if (known !== undefined && known.version === this.versionOf(connection)) return this.#hit<T>(key, known);
    return connection.read(() => this.lookUp<T>(connection, this.versionOf(connection), query));
  }

  metrics(): ResultCacheMetrics {
    return { hits: this.#hits, misses: this.#misses, entries: this.#entries.size, bytes: this.#bytes };
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #hit<T>(key: string, entry: Entry): readonly T[] {
    this.#hits += 1;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.rows as readonly T[];
  }

  #store(key: string, version: SnapshotVersion, rows: unknown[]): void {
    this.#drop(key);
    const bytes = 2 * key.length + sizeOf(rows as Row[]);
    // A blob cannot be frozen: its receiver could change the cached answer.
    if (bytes > this.#maxBytes || this.#maxEntries === 0 || hasBlob(rows as Row[])) return;
    for (const row of rows) Object.freeze(row);
    Object.freeze(rows);
    this.#entries.set(key, { version, rows, bytes });
    this.#bytes += bytes;
    while (this.#entries.size > this.#maxEntries || this.#bytes > this.#maxBytes) this.#dropOldest();
  }

  #dropOldest(): void {
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#drop(oldest.value);
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}

/** Text and parameters with their types, so that 1, 1n and '1' are three keys. */
function keyOf({ sql, parameters }: Query): string {
  if (parameters === undefined) return sql;
  let key = sql;
  if (isList(parameters)) {
    for (const value of parameters) key += `\0${tagged(value)}`;
    return key;
  }
  for (const name of Object.keys(parameters).sort()) {
    key += `\0${name.length}:${name}=${tagged(parameters[name] ?? null)}`;
  }
  return key;
}

function isList(parameters: SqlParameters): parameters is readonly SqlValue[] {
  return Array.isArray(parameters);
}

function tagged(value: SqlValue): string {
  if (value === null) return 'z';
  if (typeof value === 'number') return Object.is(value, -0) ? 'n-0' : `n${value}`;
  if (typeof value === 'bigint') return `i${value}`;
  if (typeof value === 'string') return `s${value.length}:${value}`;
  return `b${value.length}:${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')}`;
}

/** About what the rows cost in memory. */
function sizeOf(rows: readonly Row[]): number {
  let bytes = 64;
  for (const row of rows) {
    bytes += 32;
    for (const value of Object.values(row)) bytes += typeof value === 'string' ? 16 + 2 * value.length : 16;
  }
  return bytes;
}

function hasBlob(rows: readonly Row[]): boolean {
  const [first] = rows;
  if (first === undefined) return false;
  return rows.some((row) => Object.values(row).some((value) => value instanceof Uint8Array));
}
