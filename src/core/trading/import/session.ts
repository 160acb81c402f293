import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { ImportState } from './import-state.ts';
import type { Quarantine } from './quarantine.ts';
import type { SliceLimits, SourceReader, SourceStream } from './source.ts';
import { noRows, rowsRead, type StreamCounts } from './stream-counts.ts';
import type { UnitLoader } from './unit-loader.ts';

/** More rows are held than the operator allows: what was committed stays, the same command goes on. */
export class TooManyHeld extends Error {
  override readonly name = 'TooManyHeld';
}

export interface SessionParts {
  readonly target: Connection;
  readonly reader: SourceReader;
  readonly streams: readonly SourceStream[];
  readonly state: ImportState;
  readonly loader: UnitLoader;
  readonly quarantine: Quarantine;
  readonly limits: SliceLimits;
  /** Rows that may be held before the run stops. */
  readonly maxQuarantine: number;
  readonly onBatch: (stream: string, counts: StreamCounts) => void;
  readonly context: OperationContext;
}

/** What the phases of one run share. */
export class ImportSession {
  readonly parts: SessionParts;
  readonly #counts = new Map<string, StreamCounts>();
  readonly #readMs = new Map<string, number>();

  constructor(parts: SessionParts) {
    this.parts = parts;
  }

  counts(stream: string): StreamCounts {
    let counts = this.#counts.get(stream);
    if (counts === undefined) {
      counts = noRows();
      this.#counts.set(stream, counts);
    }
    return counts;
  }

  spent(stream: string, ms: number): void {
    this.#readMs.set(stream, (this.#readMs.get(stream) ?? 0) + ms);
  }

  rowsPerSecond(stream: string): number {
    const ms = this.#readMs.get(stream) ?? 0;
    return ms === 0 ? 0 : Math.round((rowsRead(this.counts(stream)) * 1000) / ms);
  }

  /** Between two transactions: lets signals in, and looks at the number of rows that are held. */
  async pause(): Promise<void> {
    const { context, quarantine, maxQuarantine } = this.parts;
    await new Promise<void>((resolve) => context.clock.defer(resolve));
    throwIfCancelled(context.signal);
    if (quarantine.total > maxQuarantine) {
      throw new TooManyHeld(`${quarantine.total} rows are held, more than ${maxQuarantine}`);
    }
  }
}
