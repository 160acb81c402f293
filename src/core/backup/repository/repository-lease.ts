import type { Clock, Random } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import {
  acquireLease,
  isHeldHere,
  type LeaseHolder,
  type LeaseOwner,
  leaseHeldBy,
  leaseLost,
  newHolder,
} from '../../lease.ts';
import { readIfThere } from '../../storage/read-if-there.ts';
import type { Storage } from '../../storage/storage.ts';

/**
 * Keeps two operations off one repository. In a folder it is a lease file. On a server it is an object
 * `leases/<name>-<token>.json`, which its holder renews by an object beside it; the clock of the server decides whether
 * one is void, so no two clocks have to agree. Where the server creates names exclusively, one object `leases/<name>.json`
 * decides at once; otherwise a ticket is written, others are waited for, and the oldest one wins.
 *
 * Leases save work: what must never happen is prevented by unique names and objects that never change, and by the fence:
 * whoever writes what counts (a manifest, an epoch) or deletes looks before and after whether the lease is still his.
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

export interface Fence {
  /** Throws `lease_lost` when somebody else may be at work by now: what was written since the last look is to be taken back. */
  check(): Promise<void>;
}

export interface RepositoryLease extends Fence {
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
    const { expiry } = request.leases ?? defaultTimes;
    const lease = acquireLease({ ...request, directory, expiryMs: expiry }, ports);
    return {
      async check() {
        if (!lease.isHeld()) throw leaseLost(request.purpose);
      },
      release: async () => lease.release(),
    };
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
  #renewedAt = { now: 0, wall: 0 };

  constructor(storage: Storage, request: RepositoryLeaseRequest, ports: LeasePorts) {
    this.#storage = storage;
    this.#request = request;
    this.#ports = ports;
    this.#times = request.leases ?? defaultTimes;
    this.#holder = newHolder({ ...request, expiryMs: this.#times.expiry }, ports);
  }

  async take(): Promise<RepositoryLease> {
    const own = this.#key(this.#holder.token);
    this.#renewedAt = this.#time();
    if (await this.#storage.exclusiveCreate()) await this.#takeGuarded(own);
    else await this.#takeBySettling(own);
    this.#renewLater();
    return { check: () => this.#check(own), release: () => this.#release(own) };
  }

  /** Renews and then looks: whoever takes the lease removes the ticket first, and looks for a renewal afterwards. */
  async #check(own: string): Promise<void> {
    const { purpose } = this.#request;
    if (this.#released) throw leaseLost(purpose);
    await this.#renew().catch((error: unknown) => {
      const { now, wall } = this.#time();
      // A full server takes no renewal: until the last one runs out, nobody can have taken the lease.
      if (Math.max(now - this.#renewedAt.now, wall - this.#renewedAt.wall) > this.#times.expiry) throw error;
    });
    if ((await this.#read(own)) === undefined) throw leaseLost(purpose);
  }

  /** Behind a guard that only one can create at a time, whoever finds no valid ticket writes one. */
  async #takeGuarded(own: string): Promise<void> {
    const guard = `leases/${this.#request.name}.guard`;
    await this.#enter(guard);
    try {
      await this.#refuseIfHeld(guard, () => true);
      await this.#storage.write(own, this.#body());
    } finally {
      await this.#leave(guard);
    }
    await this.#refuseIfOlder(own);
  }

  /** Everybody writes a ticket and waits until all others must show; the oldest wins. */
  async #takeBySettling(own: string): Promise<void> {
    await this.#storage.write(own, this.#body());
    await this.#ports.clock.sleep(this.#times.settle);
    await this.#refuseIfOlder(own);
  }

  /** Also behind the guard: whoever was suspended in it may have written a ticket after somebody else had gone on. */
  async #refuseIfOlder(own: string): Promise<void> {
    try {
      const { token } = this.#holder;
      await this.#refuseIfHeld(own, (ticket, now) => {
        return ticket.writtenAt < now || (ticket.writtenAt === now && ticket.token < token);
      });
    } catch (error) {
      await this.#storage.delete(own);
      throw error;
    }
  }

  /** `written` was just written: the moment of that is now, by the clock of the server. */
  async #refuseIfHeld(written: string, matters: (ticket: Ticket, now: number) => boolean): Promise<void> {
    const { tickets, now } = await this.#look(written);
    for (const ticket of tickets) {
      if (!matters(ticket, now)) continue;
      const holder = await this.#validHolder(ticket, now);
      if (holder !== undefined) throw leaseHeldBy(holder);
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

  /** A guard of somebody who took ours for void stays. */
  async #leave(guard: string): Promise<void> {
    const there = await this.#storage.read(guard).catch(() => undefined);
    if (there !== undefined && Buffer.compare(there, this.#body()) === 0) await this.#storage.delete(guard);
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
    const beat = beatOf(ticket.key);
    for await (const { key, modifiedMs } of this.#storage.list('leases')) {
      // Renewed at this very moment: its holder may have seen its ticket still there.
      if (key === beat && modifiedMs > ticket.renewedAt && modifiedMs + this.#times.expiry >= now) return holder;
    }
    await this.#storage.delete(beat);
    return undefined;
  }

  async #read(key: string): Promise<LeaseHolder | undefined> {
    const bytes = await readIfThere(this.#storage, key);
    return bytes === undefined ? undefined : (JSON.parse(Buffer.from(bytes).toString('utf8')) as LeaseHolder);
  }

  #renewLater(): void {
    this.#cancel = this.#ports.clock.after(this.#times.expiry / 3, () => {
      if (this.#released) return;
      // A renewal that fails is tried again by the next one; the lease lives through two of them.
      void this.#renew()
        .catch(() => {})
        .then(() => (this.#released ? this.#removeBeat() : this.#renewLater()));
    });
  }

  async #renew(): Promise<void> {
    const begun = this.#time();
    await this.#storage.write(beatOf(this.#key(this.#holder.token)), this.#body());
    this.#renewedAt = begun;
  }

  /** Both clocks: one may stand still while the machine sleeps, the other may be set back. */
  #time(): { now: number; wall: number } {
    return { now: this.#ports.clock.now(), wall: this.#ports.clock.wallTime() };
  }

  async #release(own: string): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#cancel();
    // Where that fails, the lease runs out by itself; what was done stays done.
    await this.#storage.delete(own).catch(() => {});
    await this.#removeBeat();
  }

  async #removeBeat(): Promise<void> {
    await this.#storage.delete(beatOf(this.#key(this.#holder.token))).catch(() => {});
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
