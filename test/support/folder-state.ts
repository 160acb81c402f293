import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * SHA-256 of every file of a folder by name. A `-shm`, and an empty `-wal`, may come from a read-only open and are left
 * out. Call it only while this process has no connection on these files.
 */
export function folderState(folder: string): Record<string, string> {
  const state: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (name.endsWith('-shm')) continue;
    const bytes = readIfFile(join(folder, name));
    if (bytes === undefined || (name.endsWith('-wal') && bytes.length === 0)) continue;
    state[name] = createHash('sha256').update(bytes).digest('hex');
  }
  return state;
}

function readIfFile(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EISDIR') return undefined;
    throw error;
  }
}
