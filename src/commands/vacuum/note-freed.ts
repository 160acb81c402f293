import { realpathSync, statSync } from 'node:fs';
import { type FreedEntry, noteFreed } from '../../core/maintenance/history.ts';
import type { CommandContext } from '../definition.ts';

/** Keeps what a run gave back. It is a memory: where it cannot be written, the work is done all the same. */
export function keepFreed(path: string, entry: Omit<FreedEntry, 'at' | 'database'>, context: CommandContext): void {
  if (context.dryRun) return;
  const at = new Date(context.clock.wallTime()).toISOString();
  try {
    noteFreed(context.stateDirectory(), { at, database: realpathSync(path), ...entry });
  } catch (error) {
    context.log.warn(`not kept in the history: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
