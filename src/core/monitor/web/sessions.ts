import { createHash } from 'node:crypto';
import type { Clock, Random } from '../../context.ts';

const cookieName = 'tradedb_session';
const lifetimeMs = 12 * 3_600_000;
const mostSessions = 64;

/** Sessions of browsers that have shown the token once. Only digests are kept; the token is in no cookie. */
export class Sessions {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #ends = new Map<string, number>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** A new session, as the value of Set-Cookie. */
  begin(): string {
    const id = Buffer.from(this.#random.bytes(32)).toString('base64url');
    this.#ends.set(digest(id), this.#clock.now() + lifetimeMs);
    const [oldest] = this.#ends.keys();
    if (this.#ends.size > mostSessions && oldest !== undefined) this.#ends.delete(oldest);
    return `${cookieName}=${id}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${lifetimeMs / 1000}`;
  }

  /** Whether a Cookie header names a session that is valid. The digest makes the time of the look-up tell nothing. */
  holds(cookie: string | undefined): boolean {
    const id = new RegExp(`(?:^|;)\\s*${cookieName}=([\\w-]{43})(?:;|$)`).exec(cookie ?? '')?.[1];
    if (id === undefined) return false;
    const end = this.#ends.get(digest(id));
    return end !== undefined && this.#clock.now() < end;
  }

  /** All of them, when the token changes. */
  end(): void {
    this.#ends.clear();
  }
}

function digest(id: string): string {
  return createHash('sha256').update(id).digest('base64');
}
