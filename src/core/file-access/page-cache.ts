import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';

/**
 * Bytes of these files that the kernel holds in memory, by `fincore` of util-linux; undefined where there is none, or
 * where it may not ask. Node has no mincore, and a native library for it would cost more to load than all of a look.
 */
export function cachedBytes(paths: readonly string[]): Promise<number | undefined> {
  const present = paths.filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
  if (present.length === 0) return Promise.resolve(undefined);
  const words = ['--bytes', '--raw', '--noheadings', '--output', 'RES', '--', ...present];
  return new Promise((resolve) => {
    execFile('fincore', words, { timeout: 5000 }, (error, stdout) => {
      const lines = stdout.trim().split('\n');
      const known = error === null && lines.length === present.length && lines.every((line) => /^\d+$/.test(line));
      resolve(known ? lines.reduce((sum, line) => sum + Number(line), 0) : undefined);
    });
  });
}
