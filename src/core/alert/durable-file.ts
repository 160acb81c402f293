import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { fromFileSystem } from '../error.ts';

/** Puts a file in place whole and durable: after a power failure it is the old one or the new one. */
export function writeDurably(path: string, text: string, nonce: string): void {
  const partial = `${path}.${nonce}.partial`;
  try {
    const descriptor = openSync(partial, 'w', 0o600);
    try {
      // One call may write less than was given.
      const bytes = Buffer.from(text);
      for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(partial, path);
    syncFolder(dirname(path));
  } catch (error) {
    throw fromFileSystem(error, path);
  }
}

/** Makes renames in a folder durable, where the system can. */
export function syncFolder(path: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return;
  }
  try {
    fsyncSync(descriptor);
  } catch {
    // Not every file system can sync a folder; the rename itself is done.
  } finally {
    closeSync(descriptor);
  }
}
