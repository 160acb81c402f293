import { InFlight } from '../backup/chunk/in-flight.ts';
import type { Repository } from '../backup/repository/repository.ts';
import { readStored } from '../backup/wal-archive/segment-reading.ts';
import type { OperationContext } from '../context.ts';
import { throwIfCancelled } from '../error.ts';
import { fingerprintBytes } from '../file-format/page-fingerprint.ts';
import type { ReplayRoute } from './point-in-time.ts';
import type { RestorePool } from './restore-pool.ts';

export interface Replayed {
  readonly bytesRead: number;
  readonly commits: number;
  readonly pageCount: number;
  /** Whether the newest version of a page is among the commits; also true for pages behind the end of the database. */
  has(page: number): boolean;
  /** Of the pages that `has` names, at their places. */
  readonly fingerprints: Uint8Array;
}

/**
 * Writes the pages of the commits of a route into a file that exists, each as it is after the last one. Every frame must
 * continue the checksum chain of its WAL, every segment the one before it. Nothing is flushed.
 */
export async function replay(
  repository: Repository,
  databaseId: string,
  { file, route, pool }: { file: string; route: ReplayRoute; pool: RestorePool },
  context: OperationContext,
): Promise<Replayed> {
  const total = route.segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  const task = context.progress.start({ id: 'replay', label: 'replaying commits', unit: 'bytes', total });
  const { pages } = route.commit;
  const ranks = new Int32Array(new SharedArrayBuffer((pages + 1) * 4));
  const fingerprints = new Uint8Array(new SharedArrayBuffer(pages * fingerprintBytes));
  const pageSizeBytes = route.lineage.at(-1)?.database.pageSizeBytes ?? 0;
  const place = { databaseId, epoch: route.epoch.id };
  const wanted = { after: route.baseTx, upTo: route.tx };
  const common = { place, wanted, pageSizeBytes, file, ranks, fingerprints };
  const inFlight = new InFlight(pool.size * 2);
  // From the newest to the oldest: a page that was written is final, so that most are written once.
  const segments = [...route.segments].reverse();
  try {
    for (const [index, segment] of segments.entries()) {
      throwIfCancelled(context.signal);
      await inFlight.add(async () => {
        const stored = await readStored(repository, place, segment);
        await pool.segment({ ...common, stored, segment, rank: index + 1 });
        task.advance(segment.sizeBytes);
      });
    }
    await inFlight.finish();
  } finally {
    await inFlight.settle();
    task.done();
  }
  return {
    bytesRead: total,
    commits: route.tx - route.baseTx,
    pageCount: pages,
    has: (page) => page > pages || ranks[page] !== 0,
    fingerprints,
  };
}
