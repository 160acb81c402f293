import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { type Chunk, findChunk, openTableFolders } from './chunk.ts';
import { chunkNow, chunkResult } from './process-chunk.ts';
import type { ArchivePorts, ArchiveResult } from './request.ts';
import { intoFile } from './restore-into-file.ts';
import { intoTables } from './restore-into-tables.ts';
import type { RestoreParts, RestoreRequest } from './restore-parts.ts';
import { verifyArchive } from './verify.ts';

/** Gives archived rows back, after their archive was verified; the archive stays. */
export async function restoreArchive(
  request: RestoreRequest,
  ports: ArchivePorts,
  context: OperationContext,
): Promise<ArchiveResult> {
  const { folder, chunk } = findChunk(openTableFolders(request.folder), request.archiveId);
  if (chunk.state === 'planned' || chunk.state === 'dropped') {
    throw new TradedbError('usage', `archive ${chunk.id} is not finished: it is ${chunk.state}`, {
      hint: 'see what there is: tradedb vacuum archive --list',
    });
  }
  const manifest = await verifyArchive(folder, chunk, context);
  const idle = request.idleRate === undefined ? undefined : { rate: request.idleRate, waitedMs: 0 };
  const parts: RestoreParts = { request, ports, folder, chunk, manifest, idle, skipUnit: staleUnits(chunk, request) };
  const { restored, stoppedBy } =
    request.to === undefined ? await intoTables(parts, context) : await intoFile(parts, request.to, context);
  return {
    ...{ database: request.database, folder: request.folder, mode: 'restore', dryRun: request.dryRun },
    ...{ policies: [], archives: [chunkResult(chunkNow(folder, chunk.id))], pending: [] },
    restored,
    stoppedBy,
    idleWaitMs: Math.round(idle?.waitedMs ?? 0),
  };
}

function staleUnits({ staleUnits: ranges }: Chunk, { includeStale }: RestoreRequest): (unit: number) => boolean {
  if (includeStale || ranges.length === 0) return () => false;
  return (unit) => ranges.some(([first, last]) => unit >= first && unit <= last);
}
