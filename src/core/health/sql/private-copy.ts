import { constants, rmSync } from 'node:fs';
import { copyFile, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { fromFileSystem, throwIfCancelled } from '../../error.ts';
import { fileSystemOf } from '../../file-access/file-system.ts';
import { gatherTarget, type HealthTarget, isUnchanged } from '../target.ts';

/**
 * A copy of a database that nobody has open, for checks with SQL: opening the patient itself, even for reading only, can
 * leave new files beside it.
 */
export interface PrivateCopy {
  readonly path: string;
  /** An interrupted transaction has to be rolled back when it is opened. */
  readonly needsRecovery: boolean;
  remove(): void;
}

const tries = 3;

/** A reason instead of a copy when it would be too large, or when somebody keeps writing meanwhile. */
export async function makePrivateCopy(
  target: HealthTarget,
  limits: { readonly temporaryDirectory: string; readonly copyLimitBytes: number },
  context: OperationContext,
): Promise<PrivateCopy | string> {
  const bytes = target.sizeBytes + target.wal.fileBytes + (target.journal?.sizeBytes ?? 0);
  if (bytes > limits.copyLimitBytes) return 'the database is larger than health.copyLimit';
  if (fileSystemOf(limits.temporaryDirectory).freeBytes < 1.2 * bytes) {
    return `a copy does not fit into ${limits.temporaryDirectory}`;
  }
  const folder = await mkdtemp(join(limits.temporaryDirectory, 'tradedb-health-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const path = join(folder, 'copy.db');
  try {
    for (let count = 0; count < tries; count++) {
      throwIfCancelled(context.signal);
      if (await copyOnce(target.path, path)) {
        return { path, needsRecovery: target.journal?.header !== undefined, remove };
      }
    }
  } catch (error) {
    remove();
    throw fromFileSystem(error, target.path);
  }
  remove();
  return 'the database kept changing while it was copied';
}

/** False when something was written meanwhile: the copy may then be a mixture. */
async function copyOnce(source: string, path: string): Promise<boolean> {
  const fresh = gatherTarget(source);
  try {
    for (const suffix of ['-wal', '-journal']) rmSync(`${path}${suffix}`, { force: true });
    await copyFile(source, path, constants.COPYFILE_FICLONE);
    if (fresh.walExists) await copyFile(`${source}-wal`, `${path}-wal`, constants.COPYFILE_FICLONE);
    if (fresh.journal?.header !== undefined) await copyFile(`${source}-journal`, `${path}-journal`);
    return isUnchanged(fresh);
  } finally {
    fresh.files.close();
  }
}
