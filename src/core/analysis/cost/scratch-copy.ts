import { existsSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { formatByteSize } from '../../config/byte-size.ts';
import type { OperationContext } from '../../context.ts';
import { fromFileSystem, TradedbError } from '../../error.ts';
import { openReadOnly, requireDatabaseFile } from '../../sqlite/connection.ts';
import { onlineCopy } from '../../sqlite/online-copy.ts';
import { createScratchFolder, removeScratchFolder } from '../../sqlite/scratch.ts';
import { removeStaleScratch } from './stale-scratch.ts';

export interface ScratchRequest {
  readonly path: string;
  /** Folder below which the scratch folder is made. */
  readonly scratchParent: string;
  /** Process that owns the scratch folder. */
  readonly ownerId: number;
  readonly busyTimeoutMs: number;
}

export interface ScratchCopy {
  readonly folder: string;
  /** The private copy. */
  readonly path: string;
}

/** Space that must be free: the copy, its WAL and the indexes that are tried on it. */
const spaceFactor = 2.5;

/**
 * Makes a private copy of a database, closes the source, and removes the copy when `work` has ended. The source is
 * read once, in one read transaction; afterwards nothing touches it.
 */
export async function withScratchCopy<T>(
  request: ScratchRequest,
  context: OperationContext,
  work: (copy: ScratchCopy) => Promise<T>,
): Promise<T> {
  requireDatabaseFile(request.path);
  requireScratchParent(request.scratchParent);
  removeStaleScratch(request.scratchParent);
  await requireSpace(request);
  const folder = createScratchFolder(request.scratchParent, request.ownerId);
  try {
    const path = join(folder, 'copy.db');
    await copySource(request, path, context);
    return await work({ folder, path });
  } finally {
    removeScratchFolder(folder);
  }
}

function requireScratchParent(folder: string): void {
  if (existsSync(folder)) return;
  throw new TradedbError('file_not_found', `scratch folder ${JSON.stringify(folder)} does not exist`);
}

async function requireSpace(request: ScratchRequest): Promise<void> {
  const wal = statSync(`${request.path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  const needed = (statSync(request.path).size + wal) * spaceFactor;
  const { bavail, bsize } = await statfs(request.scratchParent);
  const free = bavail * bsize;
  if (free >= needed) return;
  throw new TradedbError(
    'disk_full',
    `${formatByteSize(free)} are free in ${JSON.stringify(request.scratchParent)}, ${formatByteSize(needed)} are needed for a private copy`,
    { hint: 'name a folder with more space: --scratch-directory <path>' },
  );
}

async function copySource(request: ScratchRequest, target: string, context: OperationContext): Promise<void> {
  const source = openReadOnly(request.path, { ...context, busyTimeoutMs: request.busyTimeoutMs });
  const task = context.progress.start({ id: 'copy', label: 'copying', unit: 'pages' });
  try {
    // The pinned snapshot keeps commits of other processes from starting the copy over.
    source.beginRead();
    source.waitWhileBusy(() => source.get('SELECT 1 FROM sqlite_schema LIMIT 1'));
    let shown = 0;
    await onlineCopy(source, target, {
      signal: context.signal,
      onStep: (done, total) => {
        task.total(total);
        task.advance(done - shown);
        shown = done;
      },
    });
  } catch (error) {
    throw fromFileSystem(error, target);
  } finally {
    task.done();
    source.close();
  }
}
