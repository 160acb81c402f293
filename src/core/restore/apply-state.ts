import type { Manifest } from '../backup/manifest/manifest.ts';
import type { OperationContext } from '../context.ts';
import { type Applied, type ApplyRequest, applyPoint } from './apply.ts';
import { digestOfFile } from './file-digest.ts';
import type { ReplayRoute } from './point-in-time.ts';
import { replay } from './replay.ts';

export interface StateRequest extends ApplyRequest {
  /** Commits behind the point; undefined: the point as it is. */
  readonly route?: ReplayRoute | undefined;
}

/** Writes a state into a new file: the point, and over it the commits up to the wanted one. */
export async function applyState(request: StateRequest, context: OperationContext): Promise<Applied> {
  const applied = await applyPoint(request, context);
  if (request.route === undefined) return applied;
  const { repository, route, file, lineage } = request;
  const { database } = lineage.at(-1) as Manifest;
  const replayed = await replay(repository, database.id, { file, route }, context);
  return {
    bytesRead: applied.bytesRead + replayed.bytesRead,
    bytesWritten: Math.max(applied.bytesWritten, replayed.pageCount * database.pageSizeBytes),
    digest: (await digestOfFile(file, database.pageSizeBytes, context)) ?? '',
  };
}
