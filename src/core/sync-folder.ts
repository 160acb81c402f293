import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Makes renames and removals in a folder durable. */
export function syncFolder(folder: string): void {
  let handle: number;
  try {
    handle = openSync(folder, 'r');
  } catch (error) {
    // Windows cannot open a folder; there a rename is durable without it.
    if (error instanceof Error && 'code' in error && (error.code === 'EISDIR' || error.code === 'EPERM')) return;
    throw error;
  }
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
