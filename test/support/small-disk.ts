import { execFileSync, spawnSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './temporary-folder.ts';

/**
 * A file system of a few mebibytes. Where mounting is not allowed, undefined: the caller then limits the size of the
 * files of its child instead, which SQLite and Node meet as a full disk as well (`limitFileSize`).
 */
export function smallDisk(sizeMiB: number, inodes?: number): string | undefined {
  const folder = temporaryFolder('tradedb-small-');
  const mounted = spawnSync('mount', [
    '-t',
    'tmpfs',
    '-o',
    `size=${sizeMiB}m${inodes === undefined ? '' : `,nr_inodes=${inodes}`}`,
    'tmpfs',
    folder,
  ]);
  if (mounted.status !== 0) return undefined;
  onTestFinished(() => {
    execFileSync('umount', ['-l', folder]);
  });
  return folder;
}
