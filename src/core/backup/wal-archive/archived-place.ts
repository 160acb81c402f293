import { join } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { WalPosition } from '../../file-access/snapshot-view.ts';
import { currentHolder, type LeaseOwner } from '../../lease.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { Repository } from '../repository/repository.ts';
import { factsOf, type PinnedFacts, pin, type ReadAuditHead } from '../snapshot/pin.ts';
import type { ArchivedSegment } from './chain.ts';
import { type Epoch, readEpochs } from './epoch.ts';
import { RecorderProcess } from './recorder-process.ts';
import { commitAt } from './segment-reading.ts';
import { newestInSpool } from './segment-spool.ts';

/** Where a place in a live WAL, or a restore point, lies among the archived commits. */

export interface PlaceRequest {
  readonly repository: Repository;
  readonly databaseId: string;
  readonly database: string;
  readonly busyTimeoutMs: number;
  readonly owner: LeaseOwner;
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
}

const pollMs = 100;

/** The newest commit of this moment as soon as it is archived; undefined when it is not in time, or not known. Null: no archive. */
export async function archivedNow(
  request: PlaceRequest,
  context: OperationContext,
): Promise<ArchivedNow | undefined | null> {
  const takenAt = context.clock.wallTime();
  const recorder = recordingArchiver(request, context);
  const { position, facts } = await newestPlace(request, context);
  // An empty WAL holds nothing that an archiver has not seen, if one was there all the time.
  if (position === null && (recorder === undefined || recordingArchiver(request, context) !== recorder)) {
    return (await readEpochs(request.repository, request.databaseId)).length === 0 ? null : undefined;
  }
  // Looked at behind the WAL and before the repository: what is seen in neither was not committed yet.
  const waiting = position === null ? await newestWaiting(request) : undefined;
  const end = context.clock.now() + request.waitMs;
  for (;;) {
    const epoch = (await readEpochs(request.repository, request.databaseId)).at(-1);
    if (epoch === undefined) return null;
    const isThere = waiting === undefined || (epoch.id === waiting.epoch && endTx(epoch) >= waiting.lastTx);
    const tx = isThere ? await txAt(request, epoch, position) : undefined;
    if (tx !== undefined) return { epoch, tx, takenAt, facts };
    if (context.clock.now() >= end) return undefined;
    await context.clock.sleep(pollMs, context.signal);
  }
}

/**
 * The archiver that records this database without a break, by the token of its lease: in a folder anybody's, before a
 * server one of this state directory. It holds none while it begins an epoch or waits for its server.
 */
export function recordingArchiver(
  { repository, databaseId, owner }: Pick<PlaceRequest, 'repository' | 'databaseId' | 'owner'>,
  context: OperationContext,
): string | undefined {
  const { leaseFolder, spoolFolder } = repository.storage;
  const directory = leaseFolder ?? (spoolFolder === undefined ? undefined : spoolLeaseFolder(spoolFolder));
  if (directory === undefined) return undefined;
  return currentHolder({ directory, name: recordingLeaseName(databaseId), owner }, context.clock)?.token;
}

export function archiveLeaseName(databaseId: string): string {
  return `${databaseId}-wal`;
}

export function recordingLeaseName(databaseId: string): string {
  return `${archiveLeaseName(databaseId)}-recording`;
}

/** Before a server, the leases of archivers lie beside their spools, on this machine. */
export function spoolLeaseFolder(spoolFolder: string): string {
  return join(spoolFolder, 'leases');
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
  if (position === null) return Math.max(endTx(epoch), epoch.base.tx);
  return txIn(request, epoch, epoch.segments.slice(-lastSegments).reverse(), position);
}

function endTx({ segments }: Epoch): number {
  return segments.at(-1)?.lastTx ?? 0;
}

/** The newest segment that the archiver of this machine has recorded and the server has not got yet. */
async function newestWaiting({ repository, databaseId }: PlaceRequest) {
  const { spoolFolder } = repository.storage;
  return spoolFolder === undefined ? undefined : newestInSpool(join(spoolFolder, databaseId));
}

async function txIn(
  { repository, databaseId }: Pick<PlaceRequest, 'repository' | 'databaseId'>,
  epoch: Epoch,
  segments: readonly ArchivedSegment[],
  position: WalPosition,
): Promise<number | undefined> {
  for (const segment of segments) {
    const tx = await commitAt(repository, { databaseId, epoch: epoch.id }, segment, position);
    if (tx !== undefined) return tx;
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
