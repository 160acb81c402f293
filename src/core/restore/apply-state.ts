import { type PageIndex, stateDigest } from '../backup/chunk/page-index.ts';
import type { Manifest } from '../backup/manifest/manifest.ts';
import type { OperationContext } from '../context.ts';
import { fingerprintBytes, fingerprintsOf } from '../file-format/page-fingerprint.ts';
import { type Applied, type ApplyRequest, applyInto, applyPoint, createSized, flush } from './apply.ts';
import type { ReplayRoute } from './point-in-time.ts';
import { type Replayed, replay } from './replay.ts';
import { RestorePool } from './restore-pool.ts';

export interface StateRequest extends ApplyRequest {
  /** Commits behind the point; undefined: the point as it is. */
  readonly route?: ReplayRoute | undefined;
}

/** Writes a state into a new file: the point, and over it the commits up to the wanted one. */
export async function applyState(request: StateRequest, context: OperationContext): Promise<Omit<Applied, 'index'>> {
  const { route } = request;
  return route === undefined ? applyPoint(request, context) : applyRoute({ ...request, route }, context);
}

/** The point with the commits of a route over it. What the commits write is written first, so that each page is written once. */
async function applyRoute(
  request: ApplyRequest & { readonly route: ReplayRoute },
  context: OperationContext,
): Promise<Omit<Applied, 'index'>> {
  const { repository, route, file } = request;
  const { pageSizeBytes, id } = (request.lineage.at(-1) as Manifest).database;
  const pageCount = route.commit.pages;
  await createSized(file, pageCount * pageSizeBytes);
  const pool = new RestorePool(request.workers);
  try {
    const replayed = await replay(repository, id, { file, route, pool }, context);
    const applied = await applyInto(request, { pool, over: replayed }, context);
    await flush(file);
    return {
      bytesRead: applied.bytesRead + replayed.bytesRead,
      bytesWritten: pageCount * pageSizeBytes,
      digest: digestOver(applied.index, replayed),
    };
  } finally {
    await pool.close();
  }
}

/** State digest of the file, of the fingerprints of what was written. */
function digestOver(base: PageIndex, { has, fingerprints, pageCount }: Replayed): string {
  const { pageSizeBytes } = base;
  const empty = fingerprintsOf(new Uint8Array(pageSizeBytes), pageSizeBytes);
  for (let page = 1; page <= pageCount; page++) {
    const start = (page - 1) * fingerprintBytes;
    if (has(page)) continue;
    // A page that was allocated and never written is a hole: zeros.
    const found = page <= base.pageCount ? base.fingerprints.subarray(start, start + fingerprintBytes) : empty;
    fingerprints.set(found, start);
  }
  return stateDigest({ pageSizeBytes, pageCount, fingerprints });
}
