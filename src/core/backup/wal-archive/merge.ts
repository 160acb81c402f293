import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import type { WalPosition } from '../../file-access/snapshot-view.ts';
import { hex } from '../chunk/pack-format.ts';
import type { Repository } from '../repository/repository.ts';
import type { MergePlan } from './compaction-plan.ts';
import { MergedWriter } from './merged-writer.ts';
import { type StoredSegment, segmentKey } from './segment-format.ts';
import { brokenArchive, framesOf } from './segment-frames.ts';
import { readMerged, readSegment, type SegmentPlace } from './segment-reading.ts';

/**
 * Makes one segment of neighbours: for each state the last version of the pages that changed since the state before it.
 * From the newest segment to the oldest, so that one is in memory and a page that was seen is final. Every frame is checked
 * against the checksums of its WAL; what was written is read back before it counts.
 */
export async function merge(
  repository: Repository,
  place: SegmentPlace,
  plan: MergePlan,
  context: OperationContext,
): Promise<StoredSegment> {
  const { storage } = repository;
  const [first, last] = [plan.segments[0], plan.segments.at(-1)];
  if (first === undefined || last === undefined) throw brokenArchive('nothing to merge');
  const folder = await storage.stagingFolder(mergeGroup(place.databaseId));
  try {
    const file = join(folder, 'merged');
    const written = await write(repository, { file, place, plan }, context);
    const name = { firstTx: first.firstTx, lastTx: last.lastTx, merged: last.digest, digest: written.digest };
    await storage.adopt(segmentKey(place.databaseId, place.epoch, name), file);
    const { sizeBytes } = written;
    const stored: StoredSegment = { ...name, sizeBytes, modifiedMs: context.clock.wallTime() };
    await readMerged(repository, place, { ...stored, previous: first.previous });
    return stored;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function mergeGroup(databaseId: string): string {
  return `${databaseId}-merge`;
}

async function write(
  repository: Repository,
  { file, place, plan }: { file: string; place: SegmentPlace; plan: MergePlan },
  context: OperationContext,
): Promise<{ digest: string; sizeBytes: number }> {
  let writer: MergedWriter | undefined;
  const stored = new Map<number, number>();
  const positions = new Map<number, WalPosition>();
  const seen = new Set<number>();
  /** The state that is being filled: the pages of all commits behind the one before it. */
  let state: number | undefined;
  try {
    for (const segment of [...plan.segments].reverse()) {
      throwIfCancelled(context.signal);
      const { header, blocks } = await readSegment(repository, place, segment);
      writer ??= new MergedWriter(file, {
        format: 1,
        epoch: place.epoch,
        pageSizeBytes: header.pageSizeBytes,
        firstTx: plan.segments[0]?.firstTx ?? 0,
        previous: plan.segments[0]?.previous ?? null,
        merged: plan.segments.at(-1)?.digest ?? '',
        salt: hex(context.random.bytes(32)),
      });
      const byState = new Map<number, Map<number, Uint8Array>>();
      for (const { frame, page, tx, position } of framesOf(header, blocks)) {
        const of = plan.states.find((one) => one.tx >= tx)?.tx;
        if (of === undefined) throw brokenArchive('a segment holds more commits than its table');
        const pages = byState.get(of) ?? new Map<number, Uint8Array>();
        byState.set(of, pages.set(frame.pageNumber, page));
        const { salt1, salt2 } = header;
        if (tx === of && frame.pagesAfterCommit > 0) positions.set(of, { salt1, salt2, ...position });
      }
      for (const [of, pages] of [...byState].reverse()) {
        if (of !== state) seen.clear();
        state = of;
        for (const [pageNumber, page] of pages) {
          if (seen.has(pageNumber)) continue;
          seen.add(pageNumber);
          writer.add(pageNumber, page);
          stored.set(of, (stored.get(of) ?? 0) + 1);
        }
      }
    }
    if (writer === undefined) throw brokenArchive('nothing to merge');
    const states = plan.states.map(({ tx, pages, notBefore, notAfter }) => {
      const position = positions.get(tx);
      if (position === undefined) throw brokenArchive(`commit ${tx} is not where the table of its segment says`);
      return { tx, pages, notBefore, notAfter, stored: stored.get(tx) ?? 0, position };
    });
    const done = writer.finish(states);
    writer = undefined;
    return done;
  } finally {
    writer?.close();
  }
}
