import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { Clock } from '../context.ts';
import { parseWalHeader, walHeaderBytes } from '../file-format/wal-header.ts';

export interface WalSummary {
  /** Largest size of the `-wal` file. */
  readonly maxBytes: number;
  /** How often the WAL was restarted from its beginning, by the counter in its header. */
  readonly checkpoints: number;
}

const everyMs = 100;

/**
 * Follows the `-wal` file of a database that other processes write. Only the `-wal` is opened, which takes no lock away
 * from anybody: this process never opens the database itself.
 */
export class WalWatch {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #firstSequence: number | undefined;
  #lastSequence = 0;
  #maxBytes = 0;
  #bytes = 0;

  constructor(databasePath: string, clock: Clock) {
    this.#path = `${databasePath}-wal`;
    this.#clock = clock;
  }

  /** Size at the last look. */
  get bytes(): number {
    return this.#bytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  start(): void {
    this.#firstSequence = undefined;
    this.#maxBytes = 0;
    this.#look();
    this.#running ??= this.#follow();
  }

  async stop(): Promise<WalSummary> {
    this.#look();
    this.#stop.abort();
    await this.#running;
    return { maxBytes: this.#maxBytes, checkpoints: Math.max(0, this.#lastSequence - (this.#firstSequence ?? 0)) };
  }

  async #follow(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#clock.sleep(everyMs, this.#stop.signal).catch(() => {});
      this.#look();
    }
  }

  #look(): void {
    this.#bytes = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    this.#maxBytes = Math.max(this.#maxBytes, this.#bytes);
    const sequence = this.#sequence();
    if (sequence === undefined) return;
    this.#firstSequence ??= sequence;
    this.#lastSequence = sequence;
  }

  #sequence(): number | undefined {
    if (this.#bytes < walHeaderBytes) return undefined;
    try {
      const file = openSync(this.#path, 'r');
      try {
        const header = new Uint8Array(walHeaderBytes);
        if (readSync(file, header, 0, walHeaderBytes, 0) < walHeaderBytes) return undefined;
        return parseWalHeader(header)?.checkpointSequence;
      } finally {
        closeSync(file);
      }
    } catch {
      // The last connection may have removed the file just now; the next look tells.
      return undefined;
    }
  }
}
