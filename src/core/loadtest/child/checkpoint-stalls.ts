import type { Connection } from '../../sqlite/connection.ts';
import { LatencyHistogram } from '../../statistics/latency-histogram.ts';

/**
 * Finds the transactions whose own commit ran a checkpoint: SQLite makes it on the thread that commits, and tells nobody.
 * Asked only after a slow transaction, because the question costs some microseconds; it changes nothing.
 */
export class CheckpointStalls {
  readonly times = new LatencyHistogram();
  readonly #connection: Connection;
  #lastChanges = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** To be called right after a slow transaction, with the time that it took. */
  note(serviceMs: number): void {
    const [row] = this.#connection.all<{ log: number; checkpointed: number }>('PRAGMA wal_checkpoint(NOOP)');
    const changes = Number(this.#connection.value('SELECT total_changes()'));
    const wrote = changes !== this.#lastChanges;
    this.#lastChanges = changes;
    // The frames of one's own commit are in the database file already: nobody else had the time for that.
    if (wrote && row !== undefined && row.log > 0 && row.checkpointed === row.log) this.times.recordMs(serviceMs);
  }
}
