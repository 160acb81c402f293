/** Below this mean gap the client sleeps only: a spinning client takes the processor from the database under test. */
const shortestSpunGapMs = 0.1;
/** Bounds of the time that is spun: a machine that oversleeps longer is busy, and spinning would make it busier. */
const leastSpinMs = 0.02;
const mostSpinMs = 0.1;
/** Where the estimate begins: about the timer slack of Linux with the time to wake. */
const firstSpinMs = 0.06;
/** The estimate follows this share of the sleeps: half of them end before the due time, and few of them long before. */
const covered = 0.5;
const stepMs = 0.002;

export interface PacingPorts {
  /** Monotonic milliseconds. */
  now(): number;
  sleepSync(ms: number): void;
}

/**
 * Waits for due times: sleeps, then spins for the rest. Sleepers wake late, by how much depends on the machine, so the
 * sleep ends as much earlier as the last ones overslept.
 */
export class Pacer {
  readonly #ports: PacingPorts;
  #spinMs = firstSpinMs;

  constructor(ports: PacingPorts) {
    this.#ports = ports;
  }

  /** Time before the due time at which a sleep is to end, as it was learnt. */
  get spinMs(): number {
    return this.#spinMs;
  }

  /** Returns the time it is then. */
  waitUntil(dueMs: number, spin: boolean): number {
    const ports = this.#ports;
    let now = ports.now();
    const rest = dueMs - now - (spin ? this.#spinMs : 0);
    if (rest > 0) {
      const wanted = now + rest;
      ports.sleepSync(rest);
      now = ports.now();
      this.#learn(now - wanted);
    }
    if (spin) while (now < dueMs) now = ports.now();
    return now;
  }

  /** Moves the estimate by a fixed step, so that one long stall does not matter more than any other late wake. */
  #learn(oversleptMs: number): void {
    const moved = this.#spinMs + (oversleptMs > this.#spinMs ? stepMs * covered : -stepMs * (1 - covered));
    this.#spinMs = Math.min(mostSpinMs, Math.max(leastSpinMs, moved));
  }
}

/** Whether the last stretch before an arrival is spun, for a client of this mean gap. */
export function spinsFor(meanGapMs: number): boolean {
  return meanGapMs >= shortestSpunGapMs;
}
