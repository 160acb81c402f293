import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { WalPosition } from '../../file-access/snapshot-view.ts';
import { currentHolder, type LeaseOwner } from '../../lease.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { Repository } from '../repository/repository.ts';
import { factsOf, type PinnedFacts, pin, type ReadAuditHead } from '../snapshot/pin.ts';
import { type ArchivedSegment, type Epoch, readEpochs, readSegment } from './epoch.ts';
import { RecorderProcess } from './recorder-process.ts';

/** Where a place in a live WAL, or a restore point, lies among the archived commits. */

export interface PlaceRequest {
  readonly repository: Repository;
  readonly databaseId: string;
  readonly database: string;
  readonly busyTimeoutMs: number;
  /** How long to wait until the archiver has made the newest commit durable. */
  readonly waitMs: number;
  readonly readAuditHead?: ReadAuditHead;
}

export interface ArchivedNow {
  readonly epoch: Epoch;
  readonly tx: number;
  /** When the state was looked at; milliseconds since 1970 UTC. */
  readonly takenAt: number;
  readonly facts: PinnedFacts;
  /** The WAL was empty: nothing newer exists only if an archiver has been at work. */
  readonly walWasEmpty: boolean;
}

const pollMs = 100;

/** The newest commit of this moment as soon as it is archived; undefined when it is not in time. Null: no archive. */
export async function archivedNow(
  request: PlaceRequest,
  context: OperationContext,
): Promise<ArchivedNow | undefined | null> {
  const takenAt = context.clock.wallTime();
  const { position, facts } = await newestPlace(request, context);
  const end = context.clock.now() + request.waitMs;
  for (;;) {
    const epoch = (await readEpochs(request.repository, request.databaseId)).at(-1);
    if (epoch === undefined) return null;
    const tx = await txAt(request, epoch, position);
    if (tx !== undefined) return { epoch, tx, takenAt, facts, walWasEmpty: position === null };
    if (context.clock.now() >= end) return undefined;
    await context.clock.sleep(pollMs, context.signal);
  }
}

/** Whether an archiver of this database is at work now, as far as the storage lets us see. */
export function archiverRuns(
  { repository, databaseId }: Pick<PlaceRequest, 'repository' | 'databaseId'>,
  owner: LeaseOwner,
  context: OperationContext,
): boolean {
  const directory = repository.storage.leaseFolder;
  if (directory === undefined) return false;
  return currentHolder({ directory, name: archiveLeaseName(databaseId), owner }, context.clock) !== undefined;
}

export function archiveLeaseName(databaseId: string): string {
  return `${databaseId}-wal`;
}

interface NewestPlace {
  readonly position: WalPosition | null;
  readonly facts: PinnedFacts;
}

/** Looks beside a writer that never rests; then the facts may be those of a commit just before the place. */
const looks = 20;

/**
 * Under a read transaction, so that the place cannot go away while it is looked at. A place that is the same before and
 * after the transaction began is that of its state, and so the facts are.
 */
async function newestPlace(request: PlaceRequest, context: OperationContext): Promise<NewestPlace> {
  const child = new RecorderProcess(request.database, context.clock);
  let held = pin(request.database, context, request.busyTimeoutMs);
  try {
    let place = await placeOf(child);
    for (let count = 1; count < looks; count += 1) {
      const next = pin(request.database, context, request.busyTimeoutMs);
      held.release();
      held = next;
      const after = await placeOf(child);
      const isSame = JSON.stringify(place) === JSON.stringify(after);
      place = after;
      if (isSame) break;
    }
    return { position: place, facts: factsOf(held, request.readAuditHead) };
  } finally {
    held.release();
    await child.stop();
  }
}

async function placeOf(child: RecorderProcess): Promise<WalPosition | null> {
  const floor = await child.floor();
  if (!('unavailable' in floor)) return floor.position;
  throw new TradedbError('unsupported', 'the wal-index cannot be read: is it in WAL mode?');
}

/** Segments from the end that are looked at: the place is one of now. */
const lastSegments = 20;

async function txAt(request: PlaceRequest, epoch: Epoch, position: WalPosition | null): Promise<number | undefined> {
  // An empty WAL holds nothing that the archiver has not seen: it cannot be emptied before that.
  if (position === null) return epoch.segments.at(-1)?.lastTx ?? epoch.base.tx;
  return txIn(request, epoch, epoch.segments.slice(-lastSegments).reverse(), position);
}

async function txIn(
  { repository, databaseId }: Pick<PlaceRequest, 'repository' | 'databaseId'>,
  epoch: Epoch,
  segments: readonly ArchivedSegment[],
  position: WalPosition,
): Promise<number | undefined> {
  for (const segment of segments) {
    const { header, footer } = await readSegment(repository, { databaseId, epoch: epoch.id }, segment);
    if (header.salt1 !== position.salt1 || header.salt2 !== position.salt2) continue;
    if (header.firstFrame - 1 === position.frame && header.seed1 === position.checksum1) return header.firstTx - 1;
    const index = footer.commits.findIndex((commit) => commit.frame === position.frame);
    if (index !== -1) return header.firstTx + index;
  }
  return undefined;
}

/** Segments on each side of the place where a point should lie by the clock. */
const neighbours = 4;

/** Number of the commit whose state a point is; undefined when its place in the epoch is not found near its time. */
export async function txOfPoint(
  place: Pick<PlaceRequest, 'repository' | 'databaseId'>,
  epoch: Epoch,
  point: Manifest,
  near: () => Promise<number | undefined>,
): Promise<number | undefined> {
  if (point.archived?.epoch === epoch.id) return point.archived.tx;
  if (point.id === epoch.base.pointId) return epoch.base.tx;
  const { position } = point;
  if (position === null || point.archived !== undefined) return undefined;
  const tx = (await near()) ?? 0;
  const middle = epoch.segments.findIndex((segment) => segment.lastTx >= tx);
  const around = epoch.segments.slice(Math.max(0, middle - neighbours), middle + neighbours + 1);
  return txIn(place, epoch, around, position);
}
