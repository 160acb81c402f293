import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fromFileSystem, TradedbError } from '../../error.ts';
import { processStartTime } from '../../file-access/process-name.ts';
import { syncFolder } from '../../sync-folder.ts';

/** Where a compaction stands, so that a killed one can be finished or undone. Lies beside the database. */
export interface SwapRecord {
  readonly version: 1;
  /** Journal mode of the database before the compaction. */
  readonly journalMode: string;
  /** Name (no folder) of the new file while it is made. */
  readonly partial: string;
  /** Name (no folder) that the old file gets. */
  readonly oldFile: string;
  /** Device and inode of the old file, as text: they tell whether the rename has happened. */
  readonly oldDevice: string;
  readonly oldInode: string;
  /** The process that makes it, with its start time: a pid alone can be used again. */
  readonly pid: number;
  readonly processStart: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
}

export function swapFilePath(database: string): string {
  return `${database}.tradedb-swap.json`;
}

/** The record of an unfinished compaction; undefined when there is none. */
export function readSwapRecord(database: string): SwapRecord | undefined {
  const path = swapFilePath(database);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw fromFileSystem(error, path);
  }
  const record = parse(text);
  if (record !== undefined) return record;
  throw new TradedbError('repository_invalid', `${JSON.stringify(path)} is damaged`, {
    hint: 'see "After a crash" in docs/vacuum.md for the files to look at',
  });
}

function parse(text: string): SwapRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('version' in value) || value.version !== 1) return undefined;
    const record = value as SwapRecord;
    const names = [record.partial, record.oldFile];
    // The names are joined to a folder: nothing but a name of this folder is accepted.
    return names.every((name) => typeof name === 'string' && basename(name) === name && name !== '')
      ? record
      : undefined;
  } catch {
    return undefined;
  }
}

/** Writes the record whole and durable. Refuses when another compaction has left one, or is at work. */
export function writeSwapRecord(database: string, record: SwapRecord): void {
  const path = swapFilePath(database);
  const partial = `${path}.${record.pid}.partial`;
  try {
    const file = openSync(partial, 'w', 0o600);
    try {
      writeSync(file, `${JSON.stringify(record, null, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    // A link, not a rename: of two that start at once, one fails.
    linkSync(partial, path);
    syncFolder(dirname(path));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw pendingSwap(database);
    throw fromFileSystem(error, path);
  } finally {
    rmSync(partial, { force: true });
  }
}

/** What a command says that meets the record of an unfinished compaction. */
export function pendingSwap(database: string): TradedbError {
  return new TradedbError('restore_pending', `a compaction of ${JSON.stringify(database)} was interrupted`, {
    hint: 'finish or undo it: tradedb vacuum run --resume',
    details: { record: swapFilePath(database) },
  });
}

/** Throws when a compaction of the database is unfinished: `lease_held` while it is at work, otherwise `restore_pending`. */
export function refuseUnfinishedSwap(database: string): void {
  const record = readSwapRecord(database);
  if (record === undefined) return;
  throw ownerAlive(record) ? swapAtWork(database, record) : pendingSwap(database);
}

export function swapAtWork(database: string, record: SwapRecord): TradedbError {
  return new TradedbError('lease_held', `a compaction of ${JSON.stringify(database)} is at work (pid ${record.pid})`, {
    hint: 'wait for it',
  });
}

/** True while the process that wrote the record is still alive. */
export function ownerAlive(record: SwapRecord): boolean {
  const start = processStartTime(record.pid);
  return start !== '' && start === record.processStart;
}

export function removeSwapRecord(database: string): void {
  rmSync(swapFilePath(database), { force: true });
  syncFolder(dirname(database));
}

export function partialPath(database: string, record: Pick<SwapRecord, 'partial'>): string {
  return join(dirname(database), record.partial);
}

export function oldFilePath(database: string, record: Pick<SwapRecord, 'oldFile'>): string {
  return join(dirname(database), record.oldFile);
}
