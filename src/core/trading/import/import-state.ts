import { createHash } from 'node:crypto';
import type { Connection } from '../../sqlite/connection.ts';
import type { Detection, SourceKey } from './source.ts';

export type Phase = 'scan' | 'bulk' | 'book' | 'settle' | 'reconcile' | 'done';

/** How far a stream has come; as the table keeps it. */
export interface StreamProgress {
  readonly phase: Phase;
  readonly lastKey: SourceKey | undefined;
  readonly rowsRead: number;
  readonly rowsNew: number;
  readonly rowsHeld: number;
}

export const notBegun: StreamProgress = { phase: 'scan', lastKey: undefined, rowsRead: 0, rowsNew: 0, rowsHeld: 0 };

interface ProgressRow {
  readonly stream: string;
  readonly phase: Phase;
  readonly last_key: string;
  readonly rows_read: number;
  readonly rows_new: number;
  readonly rows_held: number;
}

/** What the target remembers of a source: its row, its runs, and how far each stream is. */
export class ImportState {
  readonly sourceId: number;
  readonly runId: number;
  /** Run that ended without a word before this one. */
  readonly resumedFrom: number | null;
  /** An earlier run used another mapping. */
  readonly hasNewMapping: boolean;
  readonly #connection: Connection;
  readonly #streams = new Map<string, StreamProgress>();

  private constructor(
    connection: Connection,
    ids: Pick<ImportState, 'sourceId' | 'runId' | 'resumedFrom' | 'hasNewMapping'>,
  ) {
    this.#connection = connection;
    this.hasNewMapping = ids.hasNewMapping;
    this.sourceId = ids.sourceId;
    this.runId = ids.runId;
    this.resumedFrom = ids.resumedFrom;
    const rows = connection.iterate<ProgressRow>(
      'SELECT stream, phase, last_key, rows_read, rows_new, rows_held FROM import_progress WHERE source_id = ?',
      [ids.sourceId],
    );
    for (const row of rows) {
      this.#streams.set(row.stream, {
        phase: row.phase,
        lastKey: keyOfJson(row.last_key),
        rowsRead: row.rows_read,
        rowsNew: row.rows_new,
        rowsHeld: row.rows_held,
      });
    }
  }

  /** Begins a run; a run that was killed is closed as interrupted. */
  static begin(connection: Connection, source: { detection: Detection; name: string; mapping: string }): ImportState {
    return connection.tx(() => {
      const { system, generation } = source.detection;
      const mapping = createHash('sha256').update(source.mapping).digest();
      const before = connection.value('SELECT mapping_sha256 FROM import_sources WHERE system = ? AND name = ?', [
        system,
        source.name,
      ]);
      const hasNewMapping = before instanceof Uint8Array && !mapping.equals(before);
      connection.run(
        `INSERT INTO import_sources (system, name, schema_version, mapping_sha256) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET schema_version = excluded.schema_version, mapping_sha256 = excluded.mapping_sha256
           WHERE schema_version <> excluded.schema_version OR mapping_sha256 <> excluded.mapping_sha256`,
        [system, source.name, generation, mapping],
      );
      const sourceId = Number(
        connection.value('SELECT source_id FROM import_sources WHERE system = ? AND name = ?', [system, source.name]),
      );
      const nowUs = Math.round(connection.ports.clock.wallTime() * 1000);
      const killed = connection.value(
        "SELECT max(run_id) FROM import_runs WHERE source_id = ? AND status IN ('running', 'interrupted')",
        [sourceId],
      );
      const done = connection.value("SELECT max(run_id) FROM import_runs WHERE source_id = ? AND status = 'done'", [
        sourceId,
      ]);
      connection.run("UPDATE import_runs SET status = 'interrupted' WHERE source_id = ? AND status = 'running'", [
        sourceId,
      ]);
      const { lastInsertRowid } = connection.run(
        "INSERT INTO import_runs (source_id, started_us, status) VALUES (?, ?, 'running')",
        [sourceId, nowUs],
      );
      const resumedFrom = Number(killed ?? 0) > Number(done ?? 0) ? Number(killed) : null;
      return new ImportState(connection, { sourceId, runId: Number(lastInsertRowid), resumedFrom, hasNewMapping });
    });
  }

  stream(name: string): StreamProgress {
    return this.#streams.get(name) ?? notBegun;
  }

  /** Inside the transaction of the rows that it counts. Writes only what differs. */
  keep(name: string, next: StreamProgress): void {
    const before = this.#streams.get(name);
    if (before !== undefined && isSame(before, next)) return;
    this.#connection.run(
      `INSERT INTO import_progress (source_id, stream, phase, last_key, rows_read, rows_new, rows_held)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET phase = excluded.phase, last_key = excluded.last_key, rows_read = excluded.rows_read,
         rows_new = excluded.rows_new, rows_held = excluded.rows_held`,
      [this.sourceId, name, next.phase, jsonOfKey(next.lastKey), next.rowsRead, next.rowsNew, next.rowsHeld],
    );
    this.#streams.set(name, next);
  }

  finish(status: 'done' | 'interrupted' | 'failed', report: unknown): void {
    this.#connection.run('UPDATE import_runs SET status = ?, finished_us = ?, report = ? WHERE run_id = ?', [
      status,
      Math.round(this.#connection.ports.clock.wallTime() * 1000),
      JSON.stringify(report),
      this.runId,
    ]);
  }
}

function isSame(a: StreamProgress, b: StreamProgress): boolean {
  return (
    a.phase === b.phase &&
    a.rowsRead === b.rowsRead &&
    a.rowsNew === b.rowsNew &&
    a.rowsHeld === b.rowsHeld &&
    jsonOfKey(a.lastKey) === jsonOfKey(b.lastKey)
  );
}

/** Integers are text with a tag, so that they come back as what they were. */
function jsonOfKey(key: SourceKey | undefined): string {
  if (key === undefined) return 'null';
  return JSON.stringify(key.map((part) => (typeof part === 'bigint' ? { integer: part.toString() } : part)));
}

function keyOfJson(text: string): SourceKey | undefined {
  const parts = JSON.parse(text) as readonly (number | string | { integer: string })[] | null;
  return parts?.map((part) => (typeof part === 'object' ? BigInt(part.integer) : part));
}
