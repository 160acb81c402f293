import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { fileSystemOf } from '../file-access/file-system.ts';
import { LiveReader } from '../file-access/live-reader.ts';
import { chooseParent } from './incremental/from-pages.ts';
import { databaseIdOf } from './repository/object-name.ts';
import type { RepositoryLocation } from './repository/open-repository.ts';
import type { Repository } from './repository/repository.ts';

/** What `backup create` would do. Made without SQLite and without writing anything anywhere. */
export interface BackupPlan {
  readonly type: 'full' | 'incremental';
  readonly parentId: string | null;
  readonly pageSizeBytes: number;
  readonly databaseBytes: number;
  readonly walBytes: number;
  readonly journalMode: 'wal' | 'rollback';
  /** The repository does not exist yet and would be made. */
  readonly newRepository: boolean;
  /** Of the file system of a folder; null on a server. */
  readonly freeBytes: number | null;
}

export interface PlanRequest {
  readonly database: string;
  readonly location: RepositoryLocation;
  /** Undefined: it does not exist yet. */
  readonly repository: Repository | undefined;
  readonly databaseLabel: string;
  readonly type: 'auto' | 'full' | 'incremental';
  readonly fullEveryMs: number;
  readonly maxChain: number;
}

export async function planBackup(request: PlanRequest, context: OperationContext): Promise<BackupPlan> {
  const reader = new LiveReader(request.database, context);
  try {
    const header = await reader.header();
    if (header === null) {
      throw new TradedbError('not_a_database', `${JSON.stringify(request.database)} is not an SQLite database`);
    }
    const files = await reader.identities();
    const { repository } = request;
    const parent =
      repository === undefined
        ? null
        : (await chooseParent({ ...request, repository }, databaseIdOf(request.databaseLabel), context)).point;
    const usable = parent?.database.pageSizeBytes === header.pageSizeBytes ? parent : null;
    return {
      type: usable === null ? 'full' : 'incremental',
      parentId: usable?.id ?? null,
      pageSizeBytes: header.pageSizeBytes,
      databaseBytes: files.database?.sizeBytes ?? 0,
      walBytes: files.wal?.sizeBytes ?? 0,
      journalMode: header.readVersion === 2 ? 'wal' : 'rollback',
      newRepository: repository === undefined,
      freeBytes: freeBytesOf(request.location),
    };
  } finally {
    await reader.close();
  }
}

function freeBytesOf(location: RepositoryLocation): number | null {
  return location.kind === 'folder' ? fileSystemOf(existingFolder(location.path)).freeBytes : null;
}

function existingFolder(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : existingFolder(dirname(path));
}
