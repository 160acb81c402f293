import { readdirSync, statSync } from 'node:fs';
import { isSampler, processCommand } from '../../file-access/process-name.ts';
import type { ConnectedProcess } from '../connected.ts';

/**
 * Processes that still have the replaced file open. Its path names the new file by now, so descriptors are compared by
 * device and inode.
 */
export function holdersOfFile(file: { readonly device: string; readonly inode: string }): ConnectedProcess[] {
  const holders: ConnectedProcess[] = [];
  for (const pid of names('/proc').filter((name) => /^\d+$/.test(name))) {
    const folder = `/proc/${pid}/fd`;
    const holds = names(folder).some((descriptor) => isFile(`${folder}/${descriptor}`, file));
    if (holds) holders.push({ pid: Number(pid), command: processCommand(Number(pid)) });
  }
  return holders.filter((holder) => !isSampler(holder));
}

function isFile(descriptor: string, file: { readonly device: string; readonly inode: string }): boolean {
  try {
    const stats = statSync(descriptor, { bigint: true });
    return String(stats.ino) === file.inode && String(stats.dev) === file.device;
  } catch {
    // Closed meanwhile, or not ours to look at.
    return false;
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Gone meanwhile, another user's, or a system without /proc.
    return [];
  }
}
