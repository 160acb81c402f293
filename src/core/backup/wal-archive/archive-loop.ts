import { join } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { acquireLease, type Lease, type LeaseOwner } from '../../lease.ts';
import type { Repository } from '../repository/repository.ts';
import { acquireRepositoryLease, type LeaseTimes } from '../repository/repository-lease.ts';
import type { ArchiveEvent, ArchiveRequest, ArchiveTotals } from './archive-request.ts';
import { archiveLeaseName, recordingLeaseName, spoolLeaseFolder } from './archived-place.ts';
import { Archiver } from './archiver.ts';
import { FolderStore, type LeasedRepository, type SegmentStore } from './segment-store.ts';
import { SpooledStore, type SpoolSettings } from './spooled-store.ts';
import { writeArchiveStatus } from './status-file.ts';
import type { TailResult } from './wal-tail-recorder.ts';

type Waiting = SegmentStore['waiting'];

export interface ArchiveRun extends Omit<ArchiveRequest, 'store' | 'onRecording'> {
  /** Opens the repository. */
  readonly connect: () => Promise<Repository>;
  /** Where segments wait for a server, and how much may wait; undefined for a repository in a folder. */
  readonly spool?: SpoolSettings | undefined;
  /** Ends by itself after this time; null: when the signal comes. */
  readonly forMs: number | null;
  readonly owner: LeaseOwner;
  readonly leases?: LeaseTimes;
  /** File that tells others how the archive is doing; undefined: none. */
  readonly statusFile?: { readonly path: string; readonly repository: string };
}

export interface Archived extends ArchiveTotals {
  /** What stays in the spool for the next run. */
  readonly waiting: Waiting;
  /** The signal ended it. */
  readonly interrupted: boolean;
}

/** A commit is seen within this time; the promise is 100 ms. */
const pollMs = 80;
/** Beside a writer that is faster than the recording, there is no pause worth the name. */
const busyPollMs = 1;
const busyFrames = 2000;
/** An archiver that was suspended until another one took over ends; what both have written is one chain or the other. */
const fenceEveryMs = 10_000;
/** Between two attempts to let the WAL begin anew. */
const checkpointPauseMs = 200;

/** Archives until the time is over or the signal comes; then everything that was committed is made durable. */
export async function runArchive(request: ArchiveRun, context: OperationContext): Promise<Archived> {
  const leases: { release(): Promise<void> }[] = [];
  try {
    const status = new StatusFile(request, context);
    const store = await openStore(request, status, leases, context);
    const totals = await archiveInto(store, request, status, context);
    return { ...totals, waiting: store.waiting, interrupted: context.signal.aborted };
  } finally {
    for (const lease of leases.reverse()) await lease.release();
  }
}

/** One archiver of a database at a time: in a folder by its lease; before a server by that of the spool, too. */
async function openStore(
  request: ArchiveRun,
  status: StatusFile,
  leases: { release(): Promise<void> }[],
  context: OperationContext,
): Promise<SegmentStore> {
  const { databaseId, owner, spool } = request;
  const asked = { name: archiveLeaseName(databaseId), purpose: 'backup archive', owner };
  const onEvent = status.listen;
  const connect = async (): Promise<LeasedRepository> => {
    const repository = await request.connect();
    const lease = await acquireRepositoryLease(repository.storage, { ...asked, leases: request.leases }, context);
    leases.push(lease);
    await repository.storage.removeUnfinished(asked.name);
    return { repository, lease };
  };
  if (spool === undefined) return new FolderStore(await connect(), databaseId, onEvent);
  const leaseFolder = spoolLeaseFolder(spool.folder);
  const lease = acquireLease({ ...asked, directory: leaseFolder }, context);
  leases.push({ release: async () => lease.release() });
  const folder = join(spool.folder, databaseId);
  return SpooledStore.open({ databaseId, spool: { ...spool, folder }, leaseFolder, connect, onEvent }, context);
}

/** Tells others of this machine, by one more lease, that no commit goes by unrecorded. */
function recordingLease(store: SegmentStore, request: ArchiveRun, context: OperationContext) {
  const { leaseFolder: directory } = store;
  const name = recordingLeaseName(request.databaseId);
  let lease: Lease | undefined;
  return (records: boolean): void => {
    lease?.release();
    lease = undefined;
    if (!records || directory === undefined) return;
    try {
      lease = acquireLease({ directory, name, purpose: 'backup archive', owner: request.owner }, context);
    } catch (error) {
      // Where it cannot be written, incremental backups compare pages.
      if (!(error instanceof TradedbError)) throw error;
    }
  };
}

async function archiveInto(
  store: SegmentStore,
  request: ArchiveRun,
  status: StatusFile,
  context: OperationContext,
): Promise<ArchiveTotals> {
  try {
    const onRecording = recordingLease(store, request, context);
    const archiver = await Archiver.open({ ...request, store, onRecording, onEvent: status.listen }, context);
    const { totals } = archiver;
    try {
      await loop(archiver, { ...request, store }, status, context);
      const last = await lastStep(archiver, store);
      if (last !== undefined && store.waiting.segments === 0) status.durable(last);
      const { pausedSince } = archiver;
      const to = new Date(context.clock.wallTime()).toISOString();
      if (pausedSince !== undefined) totals.gaps.push({ ...pausedSince, to });
      return totals;
    } finally {
      status.write(totals, store.waiting, false);
      await archiver.close();
    }
  } finally {
    await store.close();
  }
}

/** Records what is left, and sends it; a spool without room for it has to be emptied first. */
async function lastStep(archiver: Archiver, store: SegmentStore): Promise<TailResult | undefined> {
  for (;;) {
    const left = store.waiting.segments;
    const { tx } = archiver.totals;
    const last = archiver.pausedSince === undefined ? await archiver.step(true) : undefined;
    await store.drain();
    const isStuck = store.waiting.segments > 0 || (left === 0 && archiver.totals.tx === tx);
    if (last !== undefined || isStuck) return last;
  }
}

async function loop(
  archiver: Archiver,
  request: ArchiveRun & { readonly store: SegmentStore },
  status: StatusFile,
  context: OperationContext,
): Promise<void> {
  const { clock, signal } = context;
  const { store } = request;
  const end = request.forMs === null ? Number.POSITIVE_INFINITY : clock.now() + request.forMs;
  let published = clock.now();
  let checkpointed = Number.NEGATIVE_INFINITY;
  let settledFrames = -1;
  let framesBefore = 0;
  let lookedAt = clock.now();
  while (!signal.aborted && clock.now() < end) {
    const due = clock.now() - published >= request.segmentIntervalMs;
    // Before a server, the lease is looked at when something is sent: an outage must not hold up the recording.
    if (!store.outlivesOutage && clock.now() - lookedAt >= fenceEveryMs) {
      await endIfLost(store);
      lookedAt = clock.now();
    }
    const result = await archiver.step(false);
    if (result !== undefined && isDue(archiver, result, request, due)) {
      await archiver.step(true);
      published = clock.now();
    }
    if (result !== undefined) status.saw(result);
    if (result?.openBytes === 0 && store.waiting.segments === 0) status.durable(result);
    status.writeIfDue(archiver.totals, store.waiting);
    const frames = result?.walFrames ?? 0;
    const wanted = frames >= request.checkpointFrames && frames !== settledFrames;
    if (wanted && clock.now() - checkpointed >= checkpointPauseMs) {
      await archiver.checkpoint(frames);
      checkpointed = clock.now();
      settledFrames = frames;
    }
    const recorded = archiver.totals.frames - framesBefore;
    framesBefore = archiver.totals.frames;
    const pauseMs = recorded > busyFrames ? busyPollMs : pollMs;
    await clock.sleep(Math.min(pauseMs, Math.max(1, end - clock.now())), signal).catch(() => {});
  }
}

/** A server that cannot be reached now says nothing about the lease. */
async function endIfLost(store: SegmentStore): Promise<void> {
  await store.checkLease().catch((error: unknown) => {
    if (error instanceof TradedbError && error.code === 'lease_lost') throw error;
  });
}

const statusEveryMs = 1000;

/** Keeps the status file of a run up to date. */
class StatusFile {
  readonly #request: ArchiveRun;
  readonly #context: OperationContext;
  #durableAtMs: number | null = null;
  #walBytes = 0;
  /** Why nothing can be recorded, and why nothing can be sent. */
  #blocked: string | null = null;
  #unsent: string | null = null;
  #writtenAt = Number.NEGATIVE_INFINITY;

  constructor(request: ArchiveRun, context: OperationContext) {
    this.#request = request;
    this.#context = context;
  }

  readonly listen = (event: ArchiveEvent): void => {
    if (event.event === 'spool_full') this.#blocked = event.message;
    if (event.event === 'paused') this.#blocked = event.reason;
    if (event.event === 'segment' || event.event === 'started') this.#blocked = null;
    if (event.event === 'unreachable') this.#unsent = event.message;
    if (event.event === 'durable') {
      this.#unsent = null;
      this.#durableAtMs = Math.max(this.#durableAtMs ?? 0, event.lastNotAfter);
    }
    this.#request.onEvent(event);
  };

  saw({ walBytes }: TailResult): void {
    this.#walBytes = walBytes;
  }

  /** Everything that was committed at this look is durable in the repository. */
  durable(result: TailResult): void {
    this.#durableAtMs = this.#context.clock.wallTime();
    this.saw(result);
  }

  writeIfDue(totals: ArchiveTotals, waiting: Waiting): void {
    if (this.#context.clock.now() - this.#writtenAt >= statusEveryMs) this.write(totals, waiting, true);
  }

  write(totals: ArchiveTotals, waiting: Waiting, running: boolean): void {
    const { statusFile, owner } = this.#request;
    if (statusFile === undefined) return;
    this.#writtenAt = this.#context.clock.now();
    writeArchiveStatus(statusFile.path, {
      ...owner,
      repository: statusFile.repository,
      updatedAt: new Date(this.#context.clock.wallTime()).toISOString(),
      running,
      epoch: totals.epoch,
      tx: totals.tx,
      durableAt: this.#durableAtMs === null ? null : new Date(this.#durableAtMs).toISOString(),
      commits: totals.commits,
      segments: totals.segments,
      gaps: totals.gaps.length,
      walBytes: this.#walBytes,
      spoolBytes: waiting.bytes,
      problem: this.#blocked ?? this.#unsent,
    });
  }
}

function isDue(archiver: Archiver, result: TailResult, request: ArchiveRun, due: boolean): boolean {
  if (archiver.isInTheWay(result)) return true;
  return result.openBytes > 0 && (due || result.openBytes >= request.segmentBytes);
}
