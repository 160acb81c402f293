import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { adoptScratchFolder, removeScratchFolder, scratchMarker } from '../../sqlite/scratch.ts';

const namePrefix = 'tradedb-scratch-';

/**
 * Removes scratch folders below `parent` whose process is gone: one that was killed could not clean up. Where the system
 * does not tell which processes run (no /proc), nothing is removed.
 */
export function removeStaleScratch(parent: string): void {
  if (!existsSync('/proc/self')) return;
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(namePrefix)) continue;
    const folder = join(parent, name);
    const owner = ownerOf(folder);
    if (owner === undefined || existsSync(`/proc/${owner}`)) continue;
    try {
      adoptScratchFolder(folder);
      removeScratchFolder(folder);
    } catch {
      // Another process was quicker, or the folder belongs to somebody else.
    }
  }
}

function ownerOf(folder: string): number | undefined {
  try {
    const owner = Number(readFileSync(join(folder, scratchMarker), 'utf8'));
    return Number.isInteger(owner) && owner > 0 ? owner : undefined;
  } catch {
    return undefined;
  }
}
