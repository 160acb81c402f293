import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileState } from './file-state.ts';

/**
 * The bytes of every file of a folder, without what a read-only open may leave beside a database in WAL mode: a `-shm`
 * and an empty `-wal`. Call it only while this process has no connection on these files.
 */
export function folderState(folder: string): Record<string, string> {
  return fileState(
    folder,
    (name) => name.endsWith('-shm') || (name.endsWith('-wal') && statSync(join(folder, name)).size === 0),
  );
}
