import { readdirSync, readFileSync } from 'node:fs';
import type { Clock } from '../../context.ts';
import { currentHolder, type LeaseOwner } from '../../lease.ts';
import type { LockHolder, Sample } from '../sample.ts';

export interface LeasePlace {
  /** Folder of the lease files. */
  readonly directory: string;
  readonly owner: LeaseOwner;
}

const lookEveryMs = 1000;

/**
 * Knows which processes work on the database under a lease of ours: a running backup is a reader too, and must be named
 * as what it is instead of being accused. The children of such a process count as it.
 */
export class OwnLeases {
  readonly #place: LeasePlace;
  readonly #clock: Clock;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #purposes = new Map<number, string>();

  constructor(place: LeasePlace, clock: Clock) {
    this.#place = place;
    this.#clock = clock;
  }

  /** The sample with the purpose of the lease at each holder that has one. */
  label(sample: Sample): Sample {
    if (sample.locks.length === 0) return sample;
    this.#look();
    if (this.#purposes.size === 0) return sample;
    const labelled = (holder: LockHolder): LockHolder => {
      const ownLease = this.#purposes.get(holder.pid) ?? this.#purposes.get(parentOf(holder.pid) ?? -1);
      return ownLease === undefined ? holder : { ...holder, ownLease };
    };
    return {
      ...sample,
      locks: sample.locks.map(labelled),
      pinned: sample.pinned.map((reader) => ({ ...reader, holders: reader.holders.map(labelled) })),
    };
  }

  #look(): void {
    const now = this.#clock.now();
    if (now - this.#lookedAt < lookEveryMs) return;
    this.#lookedAt = now;
    const { directory, owner } = this.#place;
    const purposes = new Map<number, string>();
    for (const name of leaseNames(directory)) {
      const holder = currentHolder({ directory, name, owner }, this.#clock);
      if (holder?.hostname === owner.hostname) purposes.set(holder.pid, holder.purpose);
    }
    this.#purposes = purposes;
  }
}

/** Whether every process that holds this mark works under a lease of ours. */
export function isOwn(holders: readonly LockHolder[]): boolean {
  return holders.length > 0 && holders.every(({ ownLease }) => ownLease !== undefined);
}

function leaseNames(directory: string): string[] {
  try {
    return readdirSync(directory).flatMap((file) => /^([\w-]+)\.json$/.exec(file)?.[1] ?? []);
  } catch {
    // No folder: nobody has ever taken a lease here.
    return [];
  }
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 4 of proc(5); the name in brackets may hold spaces and brackets.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}
