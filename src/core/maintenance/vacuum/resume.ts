import { existsSync } from 'node:fs';
import { TradedbError } from '../../error.ts';
import type { ConnectionSettings } from '../../sqlite/connection-settings.ts';
import { isOldFile, removeEndedJournal, removeLeftovers, restoreJournalMode } from './exclusive-swap.ts';
import { oldFilePath, ownerAlive, readSwapRecord, removeSwapRecord, swapAtWork } from './swap-file.ts';

export interface ResumeResult {
  /** `undone`: the old file is in place as before. `finished`: the compact file is in place. */
  readonly action: 'nothing' | 'undone' | 'finished';
  /** Where the file before the compaction lies, when it was replaced. */
  readonly oldFile?: string;
}

/** Tidies up after a killed compaction. What is at the path decides: the old file, or the compact one. */
export function resumeSwap(database: string, settings: ConnectionSettings): ResumeResult {
  const record = readSwapRecord(database);
  if (record === undefined) return { action: 'nothing' };
  if (ownerAlive(record)) throw swapAtWork(database, record);
  if (isOldFile(database, record)) {
    removeLeftovers(database, record);
    restoreJournalMode(database, record.journalMode, settings);
    removeSwapRecord(database);
    return { action: 'undone' };
  }
  if (!existsSync(database)) {
    throw new TradedbError(
      'restore_pending',
      `${JSON.stringify(database)} is missing, although a compaction never removes it`,
      {
        hint: `the file before the compaction is ${JSON.stringify(oldFilePath(database, record))}, if that exists`,
      },
    );
  }
  removeEndedJournal(database);
  removeSwapRecord(database);
  return { action: 'finished', oldFile: oldFilePath(database, record) };
}
