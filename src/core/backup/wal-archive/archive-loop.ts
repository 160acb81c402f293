import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { LeaseOwner } from '../../lease.ts';
import { acquireRepositoryLease, type Fence, type LeaseTimes } from '../repository/repository-lease.ts';
import { archiveLeaseName } from './archived-place.ts';
import { type ArchiveEvent, type ArchiveRequest, Archiver, type ArchiveTotals } from './archiver.ts';
import { writeArchiveStatus } from './status-file.ts';
import type { TailResult } from './wal-tail-recorder.ts';

export interface ArchiveRun extends Omit<ArchiveRequest, 'fence'> {
  /** Ends by itself after this time; null: when the signal comes. */
  readonly forMs: number | null;
  readonly owner: LeaseOwner;
  readonly leases?: LeaseTimes;
  /** File that tells others how the archive is doing; undefined: none. */
  readonly statusFile?: string;
}

export interface Archived extends ArchiveTotals {
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
  const { owner, leases } = request;
  const name = archiveLeaseName(request.databaseId);
  const lease = await acquireRepositoryLease(
    request.repository.storage,
    { name, purpose: 'backup archive', owner, leases },
    context,
  );
  try {
    const status = new StatusFile(request, context);
    const watched = { ...request, fence: lease, onEvent: status.listen };
    const archiver = await Archiver.open(watched, context);
    try {
      await loop(archiver, watched, status, context);
      const last = await archiver.step(true);
      if (last !== undefined) status.durable(last);
      return { ...archiver.totals, interrupted: context.signal.aborted };
    } finally {
      status.write(archiver.totals, false);
      await archiver.close();
    }
  } finally {
    await lease.release();
  }
}

async function loop(
  archiver: Archiver,
  request: ArchiveRun & Pick<ArchiveRequest, 'fence'>,
  status: StatusFile,
  context: OperationContext,
): Promise<void> {
  const { clock, signal } = context;
  const end = request.forMs === null ? Number.POSITIVE_INFINITY : clock.now() + request.forMs;
  let published = clock.now();
  let checkpointed = Number.NEGATIVE_INFINITY;
  let settledFrames = -1;
  let framesBefore = 0;
  let lookedAt = clock.now();
  while (!signal.aborted && clock.now() < end) {
    const due = clock.now() - published >= request.segmentIntervalMs;
    if (clock.now() - lookedAt >= fenceEveryMs) {
      await endIfLost(request.fence);
      lookedAt = clock.now();
    }
    const result = await archiver.step(false);
    if (result !== undefined && isDue(archiver, result, request, due)) {
      await archiver.step(true);
      published = clock.now();
    }
    if (result !== undefined && result.openBytes === 0) status.durable(result);
    status.writeIfDue(archiver.totals);
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
async function endIfLost(fence: Fence): Promise<void> {
  await fence.check().catch((error: unknown) => {
    if (error instanceof TradedbError && error.code === 'lease_lost') throw error;
  });
}

const statusEveryMs = 1000;

/** Keeps the status file of a run up to date. */
class StatusFile {
  readonly #request: ArchiveRun;
  readonly #context: OperationContext;
  #durableAt: string | null = null;
  #walBytes = 0;
  #problem: string | null = null;
  #writtenAt = Number.NEGATIVE_INFINITY;

  constructor(request: ArchiveRun, context: OperationContext) {
    this.#request = request;
    this.#context = context;
  }

  readonly listen = (event: ArchiveEvent): void => {
    if (event.event === 'spool_full') this.#problem = event.message;
    if (event.event === 'segment') this.#problem = null;
    this.#request.onEvent(event);
  };

  /** Everything that was committed at this look is durable. */
  durable(result: TailResult): void {
    this.#durableAt = new Date(this.#context.clock.wallTime()).toISOString();
    this.#walBytes = result.walBytes;
  }

  writeIfDue(totals: ArchiveTotals): void {
    if (this.#context.clock.now() - this.#writtenAt >= statusEveryMs) this.write(totals, true);
  }

  write(totals: ArchiveTotals, running: boolean): void {
    const { statusFile, owner } = this.#request;
    if (statusFile === undefined) return;
    this.#writtenAt = this.#context.clock.now();
    writeArchiveStatus(statusFile, {
      ...owner,
      updatedAt: new Date(this.#context.clock.wallTime()).toISOString(),
      running,
      epoch: totals.epoch,
      tx: totals.tx,
      durableAt: this.#durableAt,
      commits: totals.commits,
      segments: totals.segments,
      gaps: totals.gaps.length,
      walBytes: this.#walBytes,
      problem: this.#problem,
    });
  }
}

function isDue(archiver: Archiver, result: TailResult, request: ArchiveRun, due: boolean): boolean {
  if (archiver.isInTheWay(result)) return true;
  return result.openBytes > 0 && (due || result.openBytes >= request.segmentBytes);
}
