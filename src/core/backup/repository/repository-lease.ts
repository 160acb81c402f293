import type { Clock, Random } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { acquireLease, isHeldHere, type LeaseHolder, type LeaseOwner, leaseHeldBy, newHolder } from '../../lease.ts';
import type { Storage } from '../../storage/storage.ts';

/**
 * Keeps two operations off one repository. In a folder it is a lease file. On a server it is an object
 * `leases/<name>-<token>.json`, which its holder renews by an object beside it; the clock of the server decides whether
 * one is void, so no two clocks have to agree. Where the server creates names exclusively, one object `leases/<name>.json`
 * decides at once; otherwise a ticket is written, others are waited for, and the oldest one wins.
 *
 * Leases save work: what must never happen is prevented by unique names and objects that never change.
 */
export interface RepositoryLeaseRequest {
  readonly name: string;
  /** For the message of whoever comes second, such as `backup create`. */
  readonly purpose: string;
  readonly owner: LeaseOwner;
  readonly leases?: LeaseTimes | undefined;
}

/** Milliseconds. */
export interface LeaseTimes {
  readonly expiry: number;
  readonly settle: number;
}

export interface RepositoryLease {
  release(): Promise<void>;
}

interface LeasePorts {
  readonly clock: Clock;
  readonly random: Random;
}

const defaultTimes: LeaseTimes = { expiry: 120_000, settle: 2000 };

/** Takes the lease, or throws `lease_held` that names the holder. It renews itself until it is released. */
export async function acquireRepositoryLease(
  storage: Storage,
  request: RepositoryLeaseRequest,
  ports: LeasePorts,
): Promise<RepositoryLease> {
  const { leaseFolder: directory } = storage;
  if (directory !== undefined) {
    const lease = acquireLease({ ...request, directory }, ports);
    return { release: async () => lease.release() };
  }
  return new ServerLease(storage, request, ports).take();
}

interface Ticket {
  readonly key: string;
  readonly token: string;
  /** By the clock of the server. */
  readonly writtenAt: number;
  readonly renewedAt: number;
}

class ServerLease {
  readonly #storage: Storage;
  readonly #request: RepositoryLeaseRequest;
  readonly #ports: LeasePorts;
  readonly #times: LeaseTimes;
  readonly #holder: LeaseHolder;
  #cancel = (): void => {};
  #released = false;

  constructor(storage: Storage, request: RepositoryLeaseRequest, ports: LeasePorts) {
    this.#storage = storage;
    this.#request = request;
    this.#ports = ports;
    this.#times = request.leases ?? defaultTimes;
    this.#holder = newHolder({ ...request, expiryMs: this.#times.expiry }, ports);
  }

  async take(): Promise<RepositoryLease> {
    const own = this.#key(this.#holder.token);
    if (await this.#storage.exclusiveCreate()) await this.#takeGuarded(own);
    else await this.#takeBySettling(own);
    this.#renewLater();
    return { release: () => this.#release(own) };
  }

  /** Behind a guard that only one can create at a time, whoever finds no valid ticket writes one. */
  async #takeGuarded(own: string): Promise<void> {
    const guard = `leases/${this.#request.name}.guard`;
    await this.#enter(guard);
    try {
      const { tickets, now } = await this.#look(guard);
      for (const ticket of tickets) {
        const holder = await this.#validHolder(ticket, now);
        if (holder !== undefined) throw leaseHeldBy(holder);
      }
      await this.#storage.write(own, this.#body());
    } finally {
      await this.#storage.delete(guard);
    }
  }

  /** Everybody writes a ticket and waits until all others must show; the oldest wins. */
  async #takeBySettling(own: string): Promise<void> {
    await this.#storage.write(own, this.#body());
    try {
      await this.#ports.clock.sleep(this.#times.settle);
      const { tickets, now } = await this.#look(own);
      const { token } = this.#holder;
      for (const ticket of tickets) {
        if (ticket.writtenAt > now || (ticket.writtenAt === now && ticket.token > token)) continue;
        const holder = await this.#validHolder(ticket, now);
        if (holder !== undefined) throw leaseHeldBy(holder);
      }
    } catch (error) {
      await this.#storage.delete(own);
      throw error;
    }
  }

  /** Only one at a time looks and decides. A guard that somebody died with is void after the settling time. */
  async #enter(guard: string): Promise<void> {
    const { clock } = this.#ports;
    const started = clock.now();
    let seen: Uint8Array | undefined;
    while (!(await this.#storage.write(guard, this.#body(), { ifAbsent: true }))) {
      const now = await this.#storage.read(guard).catch(() => undefined);
      if (now !== undefined && seen !== undefined && Buffer.compare(now, seen) === 0) {
        if (clock.now() - started > Math.max(this.#times.settle, 1000) * 5) await this.#storage.delete(guard);
      } else {
        seen = now;
      }
      await clock.sleep(50 + this.#ports.random.next() * 100);
    }
  }

  /** The tickets of others, and the time by the clock of the server: that of an object that was just written. */
  async #look(written: string): Promise<{ tickets: readonly Ticket[]; now: number }> {
    const own = this.#key(this.#holder.token);
    const tickets = new Map<string, { writtenAt: number; renewedAt: number }>();
    const beats = new Map<string, number>();
    let now: number | undefined;
    for await (const { key, modifiedMs } of this.#storage.list('leases')) {
      if (key === written) now = modifiedMs;
      if (key.length !== own.length || !key.startsWith(`leases/${this.#request.name}-`) || key === own) continue;
      if (key.endsWith('.json')) tickets.set(key, { writtenAt: modifiedMs, renewedAt: modifiedMs });
      if (key.endsWith('.beat')) beats.set(key.replace(/beat$/, 'json'), modifiedMs);
    }
    if (now === undefined) throw new TradedbError('io_error', 'a lease is not in the repository after it was written');
    const found = [...tickets].map(([key, { writtenAt, renewedAt }]) => ({
      key,
      token: key.slice(-'0123456789abcdef.json'.length, -'.json'.length),
      writtenAt,
      renewedAt: Math.max(renewedAt, beats.get(key) ?? 0),
    }));
    return { tickets: found, now };
  }

  /** Undefined, and the ticket is removed, when its holder is dead or did not renew it in time. */
  async #validHolder(ticket: Ticket, now: number): Promise<LeaseHolder | undefined> {
    const holder = await this.#read(ticket.key);
    if (holder === undefined) return undefined;
    if (isHeldHere(holder) !== false && ticket.renewedAt + this.#times.expiry >= now) return holder;
    await this.#storage.delete(ticket.key);
    await this.#storage.delete(beatOf(ticket.key));
    return undefined;
  }

  async #read(key: string): Promise<LeaseHolder | undefined> {
    try {
      return JSON.parse(Buffer.from(await this.#storage.read(key)).toString('utf8')) as LeaseHolder;
    } catch (error) {
      // Given back meanwhile.
      if (error instanceof TradedbError && error.code === 'file_not_found') return undefined;
      throw error;
    }
  }

  #renewLater(): void {
    this.#cancel = this.#ports.clock.after(this.#times.expiry / 3, () => {
      if (this.#released) return;
      const beat = beatOf(this.#key(this.#holder.token));
      // A renewal that fails is tried again by the next one; the lease lives through two of them.
      void this.#storage.write(beat, this.#body()).then(
        () => this.#renewLater(),
        () => this.#renewLater(),
      );
    });
  }

  async #release(own: string): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#cancel();
    // Where that fails, the lease runs out by itself; what was done stays done.
    await this.#storage.delete(own).catch(() => {});
    await this.#storage.delete(beatOf(own)).catch(() => {});
  }

  #key(token: string): string {
    return `leases/${this.#request.name}-${token}.json`;
  }

  #body(): Uint8Array {
    return Buffer.from(JSON.stringify(this.#holder));
  }
}

function beatOf(ticket: string): string {
  return ticket.replace(/json$/, 'beat');
}
