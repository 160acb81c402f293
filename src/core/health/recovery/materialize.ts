import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import type { OperationContext } from '../../context.ts';
import { fromFileSystem, throwIfCancelled } from '../../error.ts';
import type { SalvageSource } from './salvage-source.ts';

/**
 * Writes the newest image of every page into a new file, which needs no WAL and no journal then. `replace` changes
 * images on the way. A page that no file holds is left as zeros.
 */
export function materialize(
  source: SalvageSource,
  path: string,
  context: OperationContext,
  replace: (page: Uint8Array | undefined, number: number) => Uint8Array | undefined = (page) => page,
): void {
  const { pageSize, pageCount, pages } = source;
  const progress = context.progress.start({ id: 'pages', label: 'writing pages', unit: 'pages', total: pageCount });
  let file: number | undefined;
  let written = 0;
  try {
    file = openSync(path, 'wx', 0o600);
    const descriptor = file;
    const write = (page: Uint8Array | undefined, number: number): void => {
      const image = replace(page, number) ?? new Uint8Array(pageSize);
      for (let done = 0; done < pageSize; ) {
        done += writeSync(descriptor, image, done, pageSize - done, (number - 1) * pageSize + done);
      }
    };
    pages.forEach(1, pageCount, write, (visited) => {
      throwIfCancelled(context.signal);
      progress.advance(visited - written);
      written = visited;
      return true;
    });
    fsyncSync(descriptor);
  } catch (error) {
    throw fromFileSystem(error, path);
  } finally {
    if (file !== undefined) closeSync(file);
    progress.done();
  }
}

/** One page of a file that nobody else works on. */
export function readPageOf(path: string, number: number, pageSize: number): Uint8Array | undefined {
  const file = openSync(path, 'r');
  try {
    const page = new Uint8Array(pageSize);
    return readSync(file, page, 0, pageSize, (number - 1) * pageSize) === pageSize ? page : undefined;
  } finally {
    closeSync(file);
  }
}
