import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { TradedbError, throwIfCancelled } from '../error.ts';
import type { CopyProgress } from './driver.ts';
import { rawHandle } from './raw-handle.ts';
import { translateError } from './translate-error.ts';

/** The connection that is copied. */
export interface CopySource {
  readonly path: string;
  readonly inTransaction: boolean;
  pragmaValue(text: string): unknown;
}

export interface OnlineCopyOptions {
  /** Pages per step; the event loop turns between steps. 10,000 by default. */
  readonly stepPages?: number;
  readonly signal?: AbortSignal;
  readonly onStep?: (donePages: number, totalPages: number) => void;
}

/**
 * Copies the database as it stands in this connection's transaction into a new file, through SQLite's backup API, and
 * resolves with the number of pages. The API can report success without having made a file, so the result is checked.
 *
 * Call it inside a read transaction: without one, every commit of another process starts the copy over, and beside a
 * busy writer it never ends.
 */
export async function onlineCopy(source: CopySource, target: string, options: OnlineCopyOptions = {}): Promise<number> {
  const { stepPages = 10_000, signal, onStep } = options;
  if (target !== target.trim()) {
    throw new TradedbError('unsupported', `the driver cannot name ${JSON.stringify(target)}: it cuts off outer spaces`);
  }
  // Outside a transaction the source may shrink meanwhile, which is no fault of the copy.
  const expected = source.inTransaction ? Number(source.pragmaValue('page_count')) : 1;
  if (!existsSync(dirname(target))) {
    throw new TradedbError('file_not_found', `the folder of ${JSON.stringify(target)} does not exist`);
  }
  try {
    const result = await rawHandle(source).backup(target, {
      progress: ({ totalPages, remainingPages }) => {
        if (signal !== undefined) throwIfCancelled(signal);
        onStep?.(totalPages - remainingPages, totalPages);
        return stepPages;
      },
    });
    requireComplete(source, target, result, expected);
    onStep?.(result.totalPages, result.totalPages);
    return result.totalPages;
  } catch (error) {
    throw translateError(error, source.path);
  }
}

function requireComplete(source: CopySource, target: string, result: CopyProgress, expectedPages: number): void {
  const sizeBytes = statSync(target, { throwIfNoEntry: false })?.size ?? 0;
  const wanted = result.totalPages * Number(source.pragmaValue('page_size'));
  if (result.totalPages > 0 && result.totalPages >= expectedPages && sizeBytes === wanted) return;
  throw new TradedbError('database_locked', `no complete copy of ${JSON.stringify(source.path)} was made`, {
    hint: 'another process held it; try again',
    details: { pages: result.totalPages, expectedPages, sizeBytes },
  });
}
