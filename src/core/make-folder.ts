import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fromFileSystem, TradedbError } from './error.ts';

/**
 * Creates a folder with its parents. On a read-only file system Node reports that the folder does not exist; this says
 * what is really in the way.
 */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    const parent = nearestExisting(path);
    try {
      accessSync(parent, constants.W_OK);
    } catch (denied) {
      throw withHint(fromFileSystem(denied, parent), parent);
    }
    throw fromFileSystem(error, path);
  }
}

function nearestExisting(path: string): string {
  let current = path;
  while (!existsSync(current) && dirname(current) !== current) current = dirname(current);
  return current;
}

function withHint(error: unknown, parent: string): unknown {
  if (!(error instanceof TradedbError)) return error;
  return new TradedbError(error.code, `${JSON.stringify(parent)} cannot be written`, {
    hint: 'check the permissions and mount options, or name another folder (state.directory, backup.repositories)',
    cause: error,
  });
}
