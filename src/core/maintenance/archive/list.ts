import type { OperationContext } from '../../context.ts';
import { chunksOf, findChunk, isPending, openTableFolders } from './chunk.ts';
import { chunkResult } from './process-chunk.ts';
import type { ArchiveResult } from './request.ts';
import { verifyArchive } from './verify.ts';

type Found = Pick<ArchiveResult, 'database' | 'folder'>;

/** Every archive of a folder, of every database, oldest first in each table. */
export function listArchives({ database, folder }: Found): ArchiveResult {
  const chunks = openTableFolders(folder).flatMap((table) =>
    chunksOf(table).filter(({ state }) => state !== 'dropped'),
  );
  return {
    ...report({ database, folder }, 'list'),
    archives: chunks.map(chunkResult),
    pending: chunks.filter((chunk) => isPending(chunk) && chunk.database === database).map(({ id }) => id),
  };
}

/** Reads one archive back, or all that are finished, and compares them with their ledgers; throws when one differs. */
export async function verifyArchives(
  { database, folder }: Found,
  id: string,
  context: OperationContext,
): Promise<ArchiveResult> {
  const folders = openTableFolders(folder);
  const wanted =
    id === 'all'
      ? folders.flatMap((table) =>
          chunksOf(table)
            .filter(({ state }) => state !== 'planned' && state !== 'dropped')
            .map((chunk) => ({ folder: table, chunk })),
        )
      : [findChunk(folders, id)];
  for (const found of wanted) await verifyArchive(found.folder, found.chunk, context);
  return { ...report({ database, folder }, 'verify'), archives: wanted.map(({ chunk }) => chunkResult(chunk)) };
}

function report({ database, folder }: Found, mode: 'list' | 'verify'): ArchiveResult {
  return {
    ...{ database, folder, mode, dryRun: false, policies: [], archives: [] },
    ...{ restored: null, stoppedBy: 'done', idleWaitMs: 0, pending: [] },
  };
}
