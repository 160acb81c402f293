import type { OperationContext } from '../../context.ts';
import type { LeaseOwner } from '../../lease.ts';
import { acquireRepositoryLease, type LeaseTimes } from '../repository/repository-lease.ts';
import { archiveLeaseName } from './archived-place.ts';
import { type ArchiveRequest, Archiver, type ArchiveTotals } from './archiver.ts';
import type { TailResult } from './wal-tail-recorder.ts';

export interface ArchiveRun extends ArchiveRequest {
  /** Ends by itself after this time; null: when the signal comes. */
  readonly forMs: number | null;
  readonly owner: LeaseOwner;
  readonly leases?: LeaseTimes;
}

export interface Archived extends ArchiveTotals {
  /** The signal ended it. */
  readonly interrupted: boolean;
}

/** A commit is seen within this time. */
const pollMs = 50;
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
    const archiver = await Archiver.open(request, context);
    try {
      await loop(archiver, request, context);
      await archiver.step(true);
      return { ...archiver.totals, interrupted: context.signal.aborted };
    } finally {
      await archiver.close();
    }
  } finally {
    await lease.release();
  }
}

async function loop(archiver: Archiver, request: ArchiveRun, context: OperationContext): Promise<void> {
  const { clock, signal } = context;
  const end = request.forMs === null ? Number.POSITIVE_INFINITY : clock.now() + request.forMs;
  let published = clock.now();
  let checkpointed = Number.NEGATIVE_INFINITY;
  let settledFrames = -1;
  while (!signal.aborted && clock.now() < end) {
    const due = clock.now() - published >= request.segmentIntervalMs;
    const result = await archiver.step(false);
    if (result !== undefined && isDue(archiver, result, request, due)) {
      await archiver.step(true);
      published = clock.now();
    }
    const frames = result?.walFrames ?? 0;
    const wanted = frames >= request.checkpointFrames && frames !== settledFrames;
    if (wanted && clock.now() - checkpointed >= checkpointPauseMs) {
      await archiver.checkpoint(frames);
      checkpointed = clock.now();
      settledFrames = frames;
    }
    await clock.sleep(Math.min(pollMs, Math.max(1, end - clock.now())), signal).catch(() => {});
  }
}

function isDue(archiver: Archiver, result: TailResult, request: ArchiveRun, due: boolean): boolean {
  if (archiver.isInTheWay(result)) return true;
  return result.openBytes > 0 && (due || result.openBytes >= request.segmentBytes);
}
