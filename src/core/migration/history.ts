import { TradedbError } from '../error.ts';
import type { Connection } from '../sqlite/connection.ts';
import { quoteIdentifier } from '../sqlite/quote-identifier.ts';
import type { MigrationKind } from './migration.ts';
import { type Version, versionKey } from './version.ts';

export type HistoryEvent =
  | 'started'
  | 'applied'
  | 'rolled_back'
  | 'baselined'
  | 'imported'
  | 'squashed'
  | 'accepted'
  | 'marked_applied'
  | 'marked_rolled_back'
  | 'forgotten'
  | 'aborted'
  | 'undone'
  | 'seeded'
  | 'renumbered';

/** A row of the history without its large columns. */
export interface HistoryRow {
  readonly seq: number;
  readonly version: Version;
  readonly name: string;
  readonly event: HistoryEvent;
  readonly kind: MigrationKind;
  readonly sha256: string | null;
  /** ISO 8601, UTC. For people: order comes from `seq`. */
  readonly at: string;
  readonly durationMs: number | null;
  readonly tool: string;
  /** One id per command that wrote. */
  readonly run: string;
  readonly schemaDigest: string | null;
  readonly reason: string | null;
  /** JSON; only while the event is `started`. */
  readonly progress: string | null;
}

export interface NewHistoryRow extends Omit<HistoryRow, 'seq' | 'schemaDigest' | 'reason' | 'progress'> {
  /** Name of the file; not kept, but other tools know a migration by it. */
  readonly file?: string;
  readonly sqlUp: string | null;
  readonly sqlDown: string | null;
  readonly schemaDigest?: string;
  /** zstd of the JSON of the schema objects. */
  readonly schemaSnapshot?: Uint8Array;
  readonly reason?: string;
  readonly progress?: string;
}

const appliedEvents: readonly HistoryEvent[] = [
  'applied',
  'baselined',
  'imported',
  'squashed',
  'accepted',
  'marked_applied',
];

export function isAppliedEvent(event: HistoryEvent): boolean {
  return appliedEvents.includes(event);
}

const columns = `seq, version, name, event, kind, sha256, at, duration_ms AS durationMs, tool, run,
  schema_digest AS schemaDigest, reason, progress`;

/** Keeps the table of another tool in step; called inside the transaction of the row. */
export type HistoryMirror = (row: NewHistoryRow) => void;

/** The history table: rows are appended, and the state of a version is its newest row. */
export class HistoryTable {
  readonly name: string;
  readonly #connection: Connection;
  readonly #quoted: string;
  readonly #mirror: HistoryMirror | undefined;
  #seen = false;

  constructor(connection: Connection, name: string, mirror?: HistoryMirror) {
    this.#connection = connection;
    this.#mirror = mirror;
    this.name = name;
    this.#quoted = quoteIdentifier(name);
  }

  /** A table that was seen once is not looked for again: a file that drops it fails at its own history row. */
  exists(): boolean {
    this.#seen ||= this.#find();
    return this.#seen;
  }

  #find(): boolean {
    return (
      this.#connection.get(`SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE`, [
        this.name,
      ]) !== undefined
    );
  }

  /** To be called inside the first write transaction. */
  create(): void {
    this.#connection.exec(`CREATE TABLE IF NOT EXISTS ${this.#quoted}(
  seq INTEGER PRIMARY KEY,
  version TEXT NOT NULL,
  name TEXT NOT NULL,
  event TEXT NOT NULL,
  kind TEXT NOT NULL,
  sha256 TEXT,
  at TEXT NOT NULL,
  duration_ms INTEGER,
  tool TEXT NOT NULL,
  sql_up TEXT,
  sql_down TEXT,
  run TEXT NOT NULL,
  schema_digest TEXT,
  schema_snapshot BLOB,
  reason TEXT,
  progress TEXT
) STRICT`);
  }

  /** Rows behind `seq`, oldest first; none when the table does not exist. */
  rows(behindSeq = 0): HistoryRow[] {
    if (!this.exists()) return [];
    try {
      return this.#connection.all<HistoryRow>(`SELECT ${columns} FROM ${this.#quoted} WHERE seq > ? ORDER BY seq`, [
        behindSeq,
      ]);
    } catch (error) {
      if (!(error instanceof TradedbError) || error.code !== 'sql_error') throw error;
      throw new TradedbError('migration_invalid', `table ${this.name} is no migration history of tradedb`, {
        hint: 'choose another name with --table or migrations.table',
        cause: error,
      });
    }
  }

  append(row: NewHistoryRow): HistoryRow {
    const result = this.#connection.run(
      `INSERT INTO ${this.#quoted}(version, name, event, kind, sha256, at, duration_ms, tool, sql_up, sql_down, run,
         schema_digest, schema_snapshot, reason, progress)
       VALUES(@version, @name, @event, @kind, @sha256, @at, @durationMs, @tool, @sqlUp, @sqlDown, @run,
         @schemaDigest, @schemaSnapshot, @reason, @progress)`,
      {
        version: row.version,
        name: row.name,
        event: row.event,
        kind: row.kind,
        sha256: row.sha256,
        at: row.at,
        durationMs: row.durationMs,
        tool: row.tool,
        sqlUp: row.sqlUp,
        sqlDown: row.sqlDown,
        run: row.run,
        schemaDigest: row.schemaDigest ?? null,
        schemaSnapshot: row.schemaSnapshot ?? null,
        reason: row.reason ?? null,
        progress: row.progress ?? null,
      },
    );
    this.#mirror?.(row);
    const { sqlUp: _up, sqlDown: _down, schemaSnapshot: _snapshot, file: _file, ...kept } = row;
    return { schemaDigest: null, reason: null, progress: null, ...kept, seq: Number(result.lastInsertRowid) };
  }

  /** Progress of a `started` row as it is now: it changes without a new row. */
  progressOf(seq: number): string | null {
    const row = this.#connection.get<{ progress: string | null }>(
      `SELECT progress FROM ${this.#quoted} WHERE seq = ?`,
      [seq],
    );
    return row?.progress ?? null;
  }

  /** The one change of a row that is there: how far an open `started` row has come, and null when it has ended. */
  setProgress(seq: number, progress: string | null): void {
    this.#connection.run(`UPDATE ${this.#quoted} SET progress = ? WHERE seq = ?`, [progress, seq]);
  }

  /** The schema objects that the row recorded, compressed. */
  snapshot(seq: number): Uint8Array | null {
    const row = this.#connection.get<{ blob: Uint8Array | null }>(
      `SELECT schema_snapshot AS blob FROM ${this.#quoted} WHERE seq = ?`,
      [seq],
    );
    return row?.blob ?? null;
  }

  /** SQL of the newest row of a version that made it applied. */
  storedSql(seq: number): { up: string | null; down: string | null } {
    const row = this.#connection.get<{ up: string | null; down: string | null }>(
      `SELECT sql_up AS up, sql_down AS down FROM ${this.#quoted} WHERE seq = ?`,
      [seq],
    );
    return row ?? { up: null, down: null };
  }
}

/** What the history says about one version. */
export interface VersionState {
  readonly version: Version;
  /** The newest row. */
  readonly row: HistoryRow;
  /** The newest row with which its content became part of the database; undefined when it is not applied. */
  readonly applied: HistoryRow | undefined;
}

/** State by version key, in the order of the newest rows. */
export function versionStates(rows: readonly HistoryRow[]): Map<string, VersionState> {
  const states = new Map<string, VersionState>();
  for (const row of rows) addRow(states, row);
  return states;
}

/** Rows that say nothing about a version: what was undone is not in the history to which they were appended. */
const withoutState: readonly HistoryEvent[] = ['seeded', 'renumbered', 'undone'];

/** Takes the next row of the history into account. */
export function addRow(states: Map<string, VersionState>, row: HistoryRow): void {
  if (withoutState.includes(row.event)) return;
  const key = versionKey(row.version);
  // Started or given up: neither makes a version applied, nor takes it back.
  const still = row.event === 'started' || row.event === 'aborted' ? states.get(key)?.applied : undefined;
  states.delete(key);
  states.set(key, { version: row.version, row, applied: isAppliedEvent(row.event) ? row : still });
}
