/** Addresses that are remembered; the one that was quiet longest is forgotten first. */
const mostAddresses = 1000;
/** Seconds of full rate that an address may use at once. */
const burstSeconds = 4;
/** What a wrong token costs, in requests: guessing is slow. */
export const wrongTokenCost = 20;

/** Requests per second and address (a token bucket each). */
export class RateLimit {
  readonly #perSecond: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, { left: number; at: number }>();

  constructor(perSecond: number, now: () => number) {
    this.#perSecond = perSecond;
    this.#now = now;
  }

  /** False when the address has asked too much. */
  allows(address: string): boolean {
    return this.charge(address, 1) >= 0;
  }

  /** Takes `cost` requests from the address and returns what is left; a debt is at most one burst. */
  charge(address: string, cost: number): number {
    const most = this.#perSecond * burstSeconds;
    const now = this.#now();
    const known = this.#buckets.get(address) ?? { left: most, at: now };
    const filled = Math.min(most, known.left + ((now - known.at) / 1000) * this.#perSecond);
    const left = Math.max(-most, filled - cost);
    this.#buckets.delete(address);
    this.#buckets.set(address, { left, at: now });
    if (this.#buckets.size > mostAddresses) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return left;
  }
}
