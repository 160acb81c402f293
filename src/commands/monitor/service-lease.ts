import { basename } from 'node:path';
import type { OperationContext } from '../../core/context.ts';
import { TradedbError } from '../../core/error.ts';
import { acquireLease, databaseLeaseName, type Lease, type LeaseOwner } from '../../core/lease.ts';

interface Place {
  readonly directory: string;
  readonly owner: LeaseOwner;
}

/**
 * One service per database: two would run every job twice and write over each other's history. The lease of a service
 * that was killed is void at once.
 */
export class ServiceLeases {
  readonly #place: Place;
  readonly #context: OperationContext;
  readonly #held = new Map<string, Lease>();

  constructor(place: Place, context: OperationContext) {
    this.#place = place;
    this.#context = context;
  }

  /** Takes the leases that are missing. Throws `lease_held`, which names the other service, and then has taken none. */
  take(paths: readonly string[]): void {
    const taken = new Map<string, Lease>();
    try {
      for (const path of paths) {
        if (this.#held.has(path) || taken.has(path)) continue;
        const lease = this.#acquire(path);
        if (lease !== undefined) taken.set(path, lease);
      }
    } catch (error) {
      for (const lease of taken.values()) lease.release();
      throw error;
    }
    for (const [path, lease] of taken) this.#held.set(path, lease);
  }

  /** Gives back the leases of all others. */
  keepOnly(paths: readonly string[]): void {
    for (const [path, lease] of [...this.#held]) {
      if (paths.includes(path)) continue;
      lease.release();
      this.#held.delete(path);
    }
  }

  #acquire(path: string): Lease | undefined {
    const name = databaseLeaseName(path).replace(/^database-/, 'service-');
    try {
      return acquireLease({ ...this.#place, name, purpose: 'monitor serve' }, this.#context);
    } catch (error) {
      if (error instanceof TradedbError && error.code === 'lease_held') {
        throw new TradedbError('lease_held', `${JSON.stringify(basename(path))} has a service: ${error.message}`, {
          hint: 'end that process first; to look beside it: tradedb monitor',
          cause: error,
        });
      }
      // A full or read-only state directory must not keep anybody from watching.
      this.#context.log.warn('lease_failed', { error: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  }
}
