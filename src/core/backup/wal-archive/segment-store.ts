import { rm } from 'node:fs/promises';
import type { Repository } from '../repository/repository.ts';
import type { Fence } from '../repository/repository-lease.ts';
import { type Epoch, readEpochs } from './epoch.ts';
import { segmentKey } from './segment-format.ts';
import { endOf } from './segment-reading.ts';
import type { ArchiveEnd, WaitingSegment } from './segment-spool.ts';
import type { FinishedSegment } from './segment-writer.ts';

/** Where an archiver puts its segments: straight into a repository in a folder, or into the spool before a server. */
export interface SegmentStore {
  /** For leases that processes of this machine look at. */
  readonly leaseFolder: string | undefined;
  repository(): Promise<Repository>;
  /** Throws `lease_lost` when another archiver may be at work by now. */
  checkLease(): Promise<void>;
  /** A new local folder for a recorder; that of the one before goes. */
  stagingFolder(): Promise<string>;
  /** Where recording goes on; undefined when the archive has no end yet. */
  end(): Promise<ArchiveEnd | undefined>;
  /** A new epoch is in the repository. */
  begin(epoch: string, base: string): Promise<void>;
  /** Takes a finished segment over: durable when it resolves. `disk_full` when there is no room. */
  add(segment: WaitingSegment): Promise<void>;
  /** What is durable here and not in the repository yet. */
  readonly waiting: { readonly segments: number; readonly bytes: number };
  /** There is no room for the segment that was refused last. */
  readonly isFull: boolean;
  /** An outage is no reason to end: what cannot be done now is done later. */
  readonly outlivesOutage: boolean;
  /** Why what waits can never go into the archive; asked once. */
  takeBreak(): string | undefined;
  /** Sends what can be sent without waiting for a server that is out of reach; from now on the end is near. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/** A repository in which this archiver is the only one. */
export interface LeasedRepository {
  readonly repository: Repository;
  readonly lease: Fence;
}

export type StoreEvent =
  | { readonly event: 'durable'; readonly firstTx: number; readonly lastTx: number; readonly lastNotAfter: number }
  | { readonly event: 'unreachable'; readonly message: string };

/** The archive of a repository in a folder. */
export class FolderStore implements SegmentStore {
  readonly waiting = { segments: 0, bytes: 0 };
  readonly isFull = false;
  readonly outlivesOutage = false;
  readonly #repository: Repository;
  readonly #lease: Fence;
  readonly #databaseId: string;
  #staging: string | undefined;
  readonly #onEvent: (event: StoreEvent) => void;

  constructor(place: LeasedRepository, databaseId: string, onEvent: (event: StoreEvent) => void) {
    this.#repository = place.repository;
    this.#lease = place.lease;
    this.#databaseId = databaseId;
    this.#onEvent = onEvent;
  }

  get leaseFolder(): string | undefined {
    return this.#repository.storage.leaseFolder;
  }

  async repository(): Promise<Repository> {
    return this.#repository;
  }

  checkLease(): Promise<void> {
    return this.#lease.check();
  }

  async stagingFolder(): Promise<string> {
    await this.#removeStaging();
    this.#staging = await this.#repository.storage.stagingFolder(`${this.#databaseId}-wal`);
    return this.#staging;
  }

  async end(): Promise<ArchiveEnd | undefined> {
    const epochs = await readEpochs(this.#repository, this.#databaseId);
    return storedEnd(this.#repository, this.#databaseId, epochs.at(-1));
  }

  async begin(): Promise<void> {}

  async add(segment: WaitingSegment): Promise<void> {
    await this.#repository.storage.adopt(segmentKey(this.#databaseId, segment.epoch, segment), segment.file);
    this.#onEvent(durable(segment));
  }

  takeBreak(): undefined {}

  async drain(): Promise<void> {}

  close(): Promise<void> {
    return this.#removeStaging();
  }

  async #removeStaging(): Promise<void> {
    if (this.#staging !== undefined) await rm(this.#staging, { recursive: true, force: true });
  }
}

export function durable({ firstTx, lastTx, lastNotAfter }: FinishedSegment): StoreEvent {
  return { event: 'durable', firstTx, lastTx, lastNotAfter };
}

/** Where an epoch of a repository ends; undefined when it has no segment. */
export async function storedEnd(
  repository: Repository,
  databaseId: string,
  epoch: Epoch | undefined,
): Promise<ArchiveEnd | undefined> {
  const last = epoch?.segments.at(-1);
  const end = epoch === undefined ? null : await endOf(repository, databaseId, epoch);
  if (epoch === undefined || last === undefined || end === null) return undefined;
  const { position, lastTx, digest, lastNotAfter: notAfter } = end;
  return { epoch: epoch.id, base: epoch.base.pointId, firstTx: last.firstTx, tx: lastTx, digest, position, notAfter };
}
