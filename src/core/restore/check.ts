import { rm } from 'node:fs/promises';
import type { OperationContext } from '../context.ts';
import { TradedbError, throwIfCancelled } from '../error.ts';
import { childEntry } from '../file-access/child-entry.ts';
import { ReaderProcess } from '../file-access/reader-process.ts';

export type CheckDepth = 'none' | 'quick' | 'full';

/** Lets SQLite check a file that nobody else uses. Returns what it found; an empty list is good. */
export async function checkDatabase(
  path: string,
  depth: Exclude<CheckDepth, 'none'>,
  context: OperationContext,
): Promise<readonly string[]> {
  const child = new ReaderProcess(childEntry('./check-main', import.meta.url), context);
  try {
    return await child.call<readonly string[]>('check', { path, depth });
  } catch (error) {
    throwIfCancelled(context.signal);
    // With some damage SQLite gives up instead of making a list.
    if (error instanceof TradedbError && (error.code === 'database_corrupt' || error.code === 'not_a_database')) {
      return ['SQLite cannot read it (the database disk image is malformed)'];
    }
    throw error;
  } finally {
    await child.stop();
    // Looking at a WAL database leaves an empty -wal and an -shm beside it.
    await rm(`${path}-wal`, { force: true });
    await rm(`${path}-shm`, { force: true });
  }
}
