import type { OperationContext } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import { isUnreachable } from '../../storage/storage-error.ts';
import type { Repository } from '../repository/repository.ts';
import { Tombstones } from '../retention/tombstone.ts';
import { type Epoch, epochKey, readEpochs, readFooter, readSegment } from '../wal-archive/epoch.ts';
import { parseSegmentKey, segmentKey } from '../wal-archive/segment-format.ts';
import { brokenArchive, framesOf } from '../wal-archive/segment-frames.ts';
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
    let previous: string | null = null;
    objects += epoch.segments.length;
    for (const segment of epoch.segments) {
      throwIfCancelled(context.signal);
      const key = segmentKey(databaseId, epoch.id, segment);
      try {
        if (repository.isLocked) {
          if (level > 1) {
            await repository.requireStored(key);
            bytesRead += segment.sizeBytes;
          }
          continue;
        }
        if (level === 1) {
          await readFooter(repository, { databaseId, epoch: epoch.id }, segment);
          continue;
        }
        bytesRead += segment.sizeBytes;
        const { header, footer, blocks } = await readSegment(repository, { databaseId, epoch: epoch.id }, segment);
        if (header.previous !== previous) throw brokenArchive('it does not follow the segment before');
        if (level < 3) continue;
        let last = header.firstTx - 1;
        for (const { frame, tx } of framesOf(header, blocks)) if (frame.pagesAfterCommit > 0) last = tx;
        if (last !== footer.lastTx || last !== segment.lastTx) throw brokenArchive('its commits differ from its table');
      } catch (error) {
        if (!(error instanceof TradedbError) || isUnreachable(error)) throw error;
        problems.push(problem(key, 'damaged', error.message, epoch));
      } finally {
        previous = segment.digest;
      }
    }
  }
  return { objects, bytesRead, problems };
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
    seen.add(name.epoch);
    const epoch = epochs.find((one) => one.id === name.epoch);
    if (epoch === undefined) {
      const missing = epochKey(databaseId, name.epoch);
      problems.push(problem(missing, 'missing', 'the record of the epoch is not there', undefined));
      continue;
    }
    const next = (epoch.segments.at(-1)?.lastTx ?? 0) + 1;
    const folder = epochKey(databaseId, epoch.id).replace(/epoch\.json$/, '');
    problems.push(problem(folder, 'missing', `the segment with commit ${next} is not there`, epoch));
  }
  return problems;
}

function problem(key: string, kind: VerifyProblem['kind'], message: string, epoch: Epoch | undefined): VerifyProblem {
  return { key, chunk: null, kind, message, affectedPoints: epoch === undefined ? [] : [`epoch ${epoch.id}`] };
}
