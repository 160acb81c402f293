import { addRow, type HistoryTable, type VersionState, versionStates } from './history.ts';
import { type Version, versionKey } from './version.ts';

/** The history as far as this process has read it. Inside each write transaction only what is new is read. */
export class HistoryCursor {
  readonly #history: HistoryTable;
  readonly #states: Map<string, VersionState>;
  #lastSeq: number;

  constructor(history: HistoryTable) {
    const rows = history.rows();
    this.#history = history;
    this.#states = versionStates(rows);
    this.#lastSeq = rows.at(-1)?.seq ?? 0;
  }

  /**
   * Reads new rows; true when there were any. Called at the start of a write transaction they come from other
   * processes, called before its COMMIT they are our own.
   */
  refresh(): boolean {
    const added = this.#history.rows(this.#lastSeq);
    for (const row of added) addRow(this.#states, row);
    this.#lastSeq = added.at(-1)?.seq ?? this.#lastSeq;
    return added.length > 0;
  }

  get states(): ReadonlyMap<string, VersionState> {
    return this.#states;
  }

  stateOf(version: Version): VersionState | undefined {
    return this.states.get(versionKey(version));
  }
}
