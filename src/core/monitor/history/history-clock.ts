/** A step of the wall clock forward by more than this is taken over; smaller ones are the drift of the two clocks. */
const mostDriftMs = 2000;

/**
 * The time axis of the history. It follows the wall clock forward and never goes back, so that no bucket is written
 * twice when somebody sets the clock: until the wall clock has caught up, time goes on by the monotonic clock.
 */
export class HistoryClock {
  #wallMs: number | undefined;
  #monotonicMs = 0;

  at(wallMs: number, monotonicMs: number): number {
    if (this.#wallMs === undefined) {
      this.#wallMs = wallMs;
      this.#monotonicMs = monotonicMs;
      return wallMs;
    }
    const expected = this.#wallMs + Math.max(0, monotonicMs - this.#monotonicMs);
    const now = wallMs - expected > mostDriftMs ? wallMs : expected;
    this.#wallMs = now;
    this.#monotonicMs = Math.max(this.#monotonicMs, monotonicMs);
    return now;
  }
}
