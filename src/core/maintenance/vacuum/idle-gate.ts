import type { Clock } from '../../context.ts';
import type { Connection } from '../../sqlite/connection.ts';

/** How often the commits of others are looked for while it waits. */
const lookMs = 25;
const shortestWindowMs = 1000;

/**
 * Lets work through only while other connections commit less often than `rate` per second. `PRAGMA data_version` tells
 * that somebody else has committed, in any journal mode and without a lock; several commits between two looks count as
 * one, so `rate` should stay well below 1000 / 25.
 */
export class IdleGate {
  readonly #connection: Connection;
  readonly #rate: number;
  readonly #windowMs: number;
  readonly #clock: Clock;
  readonly #startedAt: number;
  #version: unknown;
  #commits: number[] = [];
  /** Milliseconds spent waiting. */
  waitedMs = 0;

  constructor(connection: Connection, rate: number, clock: Clock) {
    this.#connection = connection;
    this.#rate = rate;
    this.#windowMs = Math.max(shortestWindowMs, 1000 / rate);
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.#version = connection.pragmaValue('data_version');
  }

  /** True once it is quiet; false when `mustStop` says so first. */
  async pass(mustStop: () => boolean, signal: AbortSignal): Promise<boolean> {
    const started = this.#clock.now();
    for (;;) {
      if (this.quiet()) {
        this.waitedMs += this.#clock.now() - started;
        return true;
      }
      if (mustStop()) return false;
      await this.#clock.sleep(lookMs, signal);
    }
  }

  /** One look. */
  quiet(): boolean {
    const now = this.#clock.now();
    const version = this.#connection.pragmaValue('data_version');
    if (version !== this.#version) this.#commits.push(now);
    this.#version = version;
    this.#commits = this.#commits.filter((at) => now - at < this.#windowMs);
    // Nothing is known before it has looked for a whole window.
    if (now - this.#startedAt < this.#windowMs) return false;
    return this.#commits.length < Math.max(1, (this.#rate * this.#windowMs) / 1000);
  }
}
