import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const blockBytes = 4096;

/**
 * Fills the file system of `folder` until it takes no more, then leaves `freeBytes` of it. What another process writes
 * meanwhile takes its share; asking first how much is free and then writing that would race with it.
 */
export function fillDisk(folder: string, freeBytes = 0): void {
  const file = openSync(join(folder, 'ballast'), 'w');
  try {
    let written = 0;
    for (let chunk = 64 * blockBytes; chunk >= blockBytes; chunk /= 2) {
      const ballast = Buffer.alloc(chunk);
      for (let last = chunk; last === chunk; written += last) last = writeUnlessFull(file, ballast);
    }
    if (freeBytes > 0) ftruncateSync(file, Math.max(0, written - freeBytes));
  } finally {
    closeSync(file);
  }
}

export function emptyDisk(folder: string): void {
  rmSync(join(folder, 'ballast'));
}

function writeUnlessFull(file: number, bytes: Buffer): number {
  try {
    return writeSync(file, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return 0;
    throw error;
  }
}
