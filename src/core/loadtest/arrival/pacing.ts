/** Below this mean gap the client sleeps only: a spinning client takes the processor from the database under test. */
const shortestSpunGapMs = 0.1;
/** The kernel wakes a sleeper about 75 us late, so sleep ends this long before the due time and the rest is spun. */
const spinMs = 0.06;

export interface PacingPorts {
  /** Monotonic milliseconds. */
  now(): number;
  sleepSync(ms: number): void;
}

/** Waits until `dueMs` on the caller's clock: sleeps, then spins for the last 60 us. Returns the time it is then. */
export function waitUntil(dueMs: number, spin: boolean, ports: PacingPorts): number {
  let now = ports.now();
  const rest = dueMs - now - (spin ? spinMs : 0);
  if (rest > 0) {
    ports.sleepSync(rest);
    now = ports.now();
  }
  if (spin) while (now < dueMs) now = ports.now();
  return now;
}

/** Whether the last stretch before an arrival is spun, for a client of this mean gap. */
export function spinsFor(meanGapMs: number): boolean {
  return meanGapMs >= shortestSpunGapMs;
}
