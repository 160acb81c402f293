import type { OperationContext } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import { isUnreachable } from '../../storage/storage-error.ts';
import type { Repository } from '../repository/repository.ts';
import { Tombstones } from '../retention/tombstone.ts';
import type { ArchivedSegment } from '../wal-archive/chain.ts';
import { type Epoch, epochKey, readEpochs } from '../wal-archive/epoch.ts';
import { parseSegmentKey, segmentKey } from '../wal-archive/segment-format.ts';
import { brokenArchive, framesOf, mergedPages } from '../wal-archive/segment-frames.ts';
import { readCommits, readMerged, readSegment, type SegmentPlace } from '../wal-archive/segment-reading.ts';
import type { VerifyLevel, VerifyProblem } from './verification.ts';

export interface ArchiveVerification {
  readonly objects: number;
  readonly bytesRead: number;
  readonly problems: readonly VerifyProblem[];
}

/** Checks the archived WAL: 1 nothing missing in the chain, 2 every stored byte, 3 every frame and every link. */
export async function verifyArchive(
  repository: Repository,
  databaseId: string,
  level: VerifyLevel,
  context: OperationContext,
): Promise<ArchiveVerification> {
  const epochs = await readEpochs(repository, databaseId);
  const problems: VerifyProblem[] = await holes(repository, databaseId, epochs);
  let objects = 0;
  let bytesRead = 0;
  for (const epoch of epochs) {
    objects += epoch.segments.length;
    const place = { databaseId, epoch: epoch.id };
    for (const segment of epoch.segments) {
      throwIfCancelled(context.signal);
      const key = segmentKey(databaseId, epoch.id, segment);
      try {
        if (level === 1) {
          if (!repository.isLocked) await readCommits(repository, place, segment);
          continue;
        }
        bytesRead += segment.sizeBytes;
        if (repository.isLocked) await repository.requireStored(key);
        else await checkSegment(repository, place, segment, level);
      } catch (error) {
        if (!(error instanceof TradedbError) || isUnreachable(error)) throw error;
        problems.push(problem(key, 'damaged', error.message, epoch));
      }
    }
  }
  return { objects, bytesRead, problems };
}

/** Its bytes and its place in the chain; from level 3 on also what is in it. */
async function checkSegment(
  repository: Repository,
  place: SegmentPlace,
  segment: ArchivedSegment,
  level: VerifyLevel,
): Promise<void> {
  if (segment.merged !== null) {
    const { header, footer, blocks } = await readMerged(repository, place, segment);
    if (level < 3) return;
    for (const { pageNumber } of mergedPages(header, footer, blocks)) {
      if (pageNumber === 0) throw brokenArchive('a page without a number');
    }
    return;
  }
  const { header, footer, blocks } = await readSegment(repository, place, segment);
  if (level < 3) return;
  let last = header.firstTx - 1;
  for (const { frame, tx } of framesOf(header, blocks)) if (frame.pagesAfterCommit > 0) last = tx;
  if (last !== footer.lastTx) throw brokenArchive('its commits differ from its table');
}

/** Segments that no chain reaches: one before them is missing, or the record of their epoch is. */
async function holes(repository: Repository, databaseId: string, epochs: readonly Epoch[]): Promise<VerifyProblem[]> {
  const problems: VerifyProblem[] = [];
  const reached = new Set(
    epochs.flatMap((epoch) => epoch.segments.map((one) => segmentKey(databaseId, epoch.id, one))),
  );
  const seen = new Set<string>();
  const tombstones = await Tombstones.read(repository, databaseId);
  for await (const { key } of repository.storage.list(`db/${databaseId}/wal`)) {
    const name = parseSegmentKey(key);
    if (name === undefined || reached.has(key) || seen.has(name.epoch) || tombstones.isEpochGoing(name.epoch)) continue;
    const epoch = epochs.find((one) => one.id === name.epoch);
    const next = (epoch?.segments.at(-1)?.lastTx ?? 0) + 1;
    // Its commits are in the chain as well: of another archiver, or merged.
    if (epoch !== undefined && name.lastTx < next) continue;
    seen.add(name.epoch);
    if (epoch === undefined) {
      const missing = epochKey(databaseId, name.epoch);
      problems.push(problem(missing, 'missing', 'the record of the epoch is not there', undefined));
      continue;
    }
    const folder = epochKey(databaseId, epoch.id).replace(/epoch\.json$/, '');
    problems.push(problem(folder, 'missing', `the segment with commit ${next} is not there`, epoch));
  }
  return problems;
}

function problem(key: string, kind: VerifyProblem['kind'], message: string, epoch: Epoch | undefined): VerifyProblem {
  return { key, chunk: null, kind, message, affectedPoints: epoch === undefined ? [] : [`epoch ${epoch.id}`] };
}
