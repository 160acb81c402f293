import type { OperationContext } from '../../context.ts';

export interface PacingSettings {
  /** How long a batch may hold the write lock. */
  readonly targetHoldMs: number;
  /** Pause behind a batch, as a multiple of the time that it held the lock. */
  readonly pauseRatio: number;
  readonly batchRows: readonly [least: number, most: number];
}

/** Chooses the size of the next batch from how long the last one held the write lock, and rests between them. */
export class Pacing {
  readonly #settings: PacingSettings;
  readonly #context: OperationContext;
  #rows: number;

  constructor(settings: PacingSettings, context: OperationContext) {
    this.#settings = settings;
    this.#context = context;
    const [least, most] = settings.batchRows;
    this.#rows = Math.min(most, Math.max(least, 500));
  }

  /** Rows of the next batch. */
  get rows(): number {
    return this.#rows;
  }

  /** Takes note of a batch that held the lock for `holdMs`, and lets the others have it for a while. */
  async rest(holdMs: number): Promise<void> {
    const { targetHoldMs, pauseRatio, batchRows } = this.#settings;
    const [least, most] = batchRows;
    const factor = Math.min(1.5, Math.max(0.5, targetHoldMs / Math.max(holdMs, 0.01)));
    this.#rows = Math.round(Math.min(most, Math.max(least, this.#rows * factor)));
    // At least one turn of the event loop, so that a signal is seen.
    await this.#context.clock.sleep(Math.max(holdMs * pauseRatio, 0.1), this.#context.signal);
  }
}
