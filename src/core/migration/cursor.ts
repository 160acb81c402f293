import type { Connection } from '../sqlite/connection.ts';
import { addRow, type HistoryRow, type HistoryTable, type VersionState, versionStates } from './history.ts';
import { type Version, versionKey } from './version.ts';

/**
 * The history as far as this process knows it. It is read again only when another connection has committed something,
 * and then only what is new.
 */
export class HistoryCursor {
  readonly #history: HistoryTable;
  readonly #connection: Connection;
  readonly #states: Map<string, VersionState>;
  #lastSeq: number;
  #dataVersion: number;

  constructor(history: HistoryTable, connection: Connection) {
    this.#history = history;
    this.#connection = connection;
    this.#dataVersion = this.#readDataVersion();
    const rows = history.rows();
    this.#states = versionStates(rows);
    this.#lastSeq = rows.at(-1)?.seq ?? 0;
  }

  /** To be called at the start of a write transaction: true when another process has written history meanwhile. */
  refresh(): boolean {
    const now = this.#readDataVersion();
    if (now === this.#dataVersion) return false;
    this.#dataVersion = now;
    const added = this.#history.rows(this.#lastSeq);
    for (const row of added) this.add(row);
    return added.length > 0;
  }

  /** Takes in a row that this process has written. */
  add(row: HistoryRow): void {
    addRow(this.#states, row);
    this.#lastSeq = row.seq;
  }

  get states(): ReadonlyMap<string, VersionState> {
    return this.#states;
  }

  stateOf(version: Version): VersionState | undefined {
    return this.#states.get(versionKey(version));
  }

  /** Changes when another connection has committed, and not by our own commits. */
  #readDataVersion(): number {
    return Number(this.#connection.value('PRAGMA data_version'));
  }
}
