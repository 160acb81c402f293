import type { Connection } from '../../sqlite/connection.ts';
import type { Reason } from './reason.ts';
import { sameHash } from './references.ts';
import type { HeldRows } from './source.ts';

interface OpenRow {
  readonly reason: Reason;
  readonly hash: Uint8Array;
}

/** A row that stays out. */
export interface HeldRow {
  readonly stream: string;
  readonly externalId: string;
  readonly reason: Reason;
  readonly detail: string | null;
  readonly hash: Uint8Array;
  /** The whole row as JSON; asked for only when it is written. */
  json(): string;
}

interface StoredRow {
  readonly stream: string;
  readonly externalId: string;
  readonly reason: Reason;
  readonly hash: Uint8Array;
}

/** The rows of one source that are held. Writing the same row again changes nothing. */
export class Quarantine implements HeldRows {
  readonly #connection: Connection;
  readonly #sourceId: number;
  readonly #runId: number;
  readonly #open = new Map<string, Map<string, OpenRow>>();

  constructor(connection: Connection, sourceId: number, runId: number) {
    this.#connection = connection;
    this.#sourceId = sourceId;
    this.#runId = runId;
    const rows = connection.iterate<StoredRow>(
      `SELECT stream, external_id AS externalId, reason, row_hash AS hash FROM import_quarantine
       WHERE source_id = ? AND resolved_us IS NULL`,
      [sourceId],
    );
    for (const { stream, externalId, reason, hash } of rows) this.#of(stream).set(externalId, { reason, hash });
  }

  has(stream: string, externalId: string): boolean {
    return this.#open.get(stream)?.has(externalId) === true;
  }

  count(stream: string): number {
    return this.#open.get(stream)?.size ?? 0;
  }

  get total(): number {
    let total = 0;
    for (const rows of this.#open.values()) total += rows.size;
    return total;
  }

  /** External ids of a stream that are held. */
  ids(stream: string): readonly string[] {
    return [...(this.#open.get(stream)?.keys() ?? [])];
  }

  /** True when something was written. */
  hold(row: HeldRow): boolean {
    const rows = this.#of(row.stream);
    const known = rows.get(row.externalId);
    if (known !== undefined && known.reason === row.reason && sameHash(known.hash, row.hash)) return false;
    if (known !== undefined && known.reason !== row.reason) this.#close(row.stream, row.externalId);
    this.#connection.run(
      `INSERT INTO import_quarantine (source_id, run_id, stream, external_id, reason, detail, row, row_hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET run_id = excluded.run_id, detail = excluded.detail, row = excluded.row,
         row_hash = excluded.row_hash, resolved_us = NULL`,
      [this.#sourceId, this.#runId, row.stream, row.externalId, row.reason, row.detail, row.json(), row.hash],
    );
    rows.set(row.externalId, { reason: row.reason, hash: row.hash });
    return true;
  }

  /** The row has entered after all. True when it was held. */
  resolve(stream: string, externalId: string): boolean {
    if (this.#open.get(stream)?.delete(externalId) !== true) return false;
    this.#close(stream, externalId);
    return true;
  }

  #close(stream: string, externalId: string): void {
    const nowUs = Math.round(this.#connection.ports.clock.wallTime() * 1000);
    this.#connection.run(
      `UPDATE import_quarantine SET resolved_us = ?
       WHERE source_id = ? AND stream = ? AND external_id = ? AND resolved_us IS NULL`,
      [nowUs, this.#sourceId, stream, externalId],
    );
  }

  #of(stream: string): Map<string, OpenRow> {
    let rows = this.#open.get(stream);
    if (rows === undefined) {
      rows = new Map();
      this.#open.set(stream, rows);
    }
    return rows;
  }
}
