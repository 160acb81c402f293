import { closeSync, existsSync, linkSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { TradedbError } from '../../error.ts';
import { type Connection, openReadWrite } from '../../sqlite/connection.ts';
import type { ConnectionSettings } from '../../sqlite/connection-settings.ts';
import { normalProfile } from '../../sqlite/pragma-profile.ts';
import { isBusy } from '../../sqlite/translate-error.ts';
import { syncFolder } from '../../sync-folder.ts';
import { sourceFacts, takeOwnership, verifyCopy, writeCopy } from './compact-copy.ts';
import { oldFilePath, partialPath, removeSwapRecord, type SwapRecord, writeSwapRecord } from './swap-file.ts';

/**
 * Replaces a database that nobody uses with a compact copy of itself. An exclusive hold on the old file spans the copy,
 * its verification and the rename, so that nobody can write what the copy does not have.
 */

/** The points at which a kill leaves something to tidy up, in order. */
export const swapSteps = [
  'recorded',
  'held',
  'copied',
  'verified',
  'clear',
  'linked',
  'renamed',
  'released',
  'finished',
] as const;
export type SwapStep = (typeof swapSteps)[number];

export interface SwapRequest {
  readonly database: string;
  readonly record: SwapRecord;
  readonly convertTo?: 'incremental' | 'full';
  readonly verify: 'quick' | 'full';
}

export interface SwapPorts {
  readonly settings: ConnectionSettings;
  /** Called after each step. What it throws before `renamed` undoes the compaction. */
  readonly onStep: (step: SwapStep) => void | Promise<void>;
}

export async function swapInCompactCopy(request: SwapRequest, ports: SwapPorts): Promise<void> {
  const { database, record } = request;
  writeSwapRecord(database, record);
  let hold: Connection | undefined;
  let renamed = false;
  try {
    await ports.onStep('recorded');
    hold = holdExclusively(database, ports.settings);
    await ports.onStep('held');
    await makeCopy(hold, request, ports);
    requireClear(database);
    await ports.onStep('clear');
    link(database, oldFilePath(database, record));
    await ports.onStep('linked');
    renameSync(partialPath(database, record), database);
    renamed = true;
    syncFolder(dirname(database));
    await ports.onStep('renamed');
  } catch (error) {
    if (renamed) hold?.close();
    else undo(request, hold, ports.settings);
    throw error;
  }
  // The old inode stays in rollback mode: a late writer is refused by SQLite (its file was moved), not lost.
  hold.close();
  await ports.onStep('released');
  removeEndedJournal(database);
  removeSwapRecord(database);
  await ports.onStep('finished');
}

async function makeCopy(hold: Connection, request: SwapRequest, ports: SwapPorts): Promise<void> {
  const copy = {
    target: partialPath(request.database, request.record),
    verify: request.verify,
    ...(request.convertTo === undefined ? {} : { convertTo: request.convertTo }),
  };
  // The hold has put the file into rollback mode: the copy gets back the mode that the operator knows.
  const facts = { ...sourceFacts(hold), journalMode: request.record.journalMode };
  writeCopy(hold, copy);
  await ports.onStep('copied');
  verifyCopy(facts, copy, ports.settings);
  takeOwnership(copy.target, statSync(request.database));
  await ports.onStep('verified');
}

/**
 * A connection that keeps everybody else out. `journal_mode=DELETE` is granted only when no other connection has run a
 * statement, in this container or another one; it checkpoints and removes the WAL.
 */
export function holdExclusively(database: string, settings: ConnectionSettings): Connection {
  const hold = openReadWrite(database, { ...normalProfile, foreignKeys: false }, { ...settings, busyTimeoutMs: 0 });
  try {
    hold.pragma('locking_mode = EXCLUSIVE');
    const mode = hold.pragmaValue('journal_mode = DELETE');
    if (mode !== 'delete') throw inUse(database);
    // In rollback mode the change of mode takes no lock by itself: an empty write transaction does, and keeps it.
    hold.exec('BEGIN EXCLUSIVE; COMMIT');
    return hold;
  } catch (error) {
    hold.close();
    throw isBusy(error) ? inUse(database, error) : error;
  }
}

function inUse(database: string, cause?: unknown): TradedbError {
  return new TradedbError(
    'database_locked',
    `${JSON.stringify(database)} is in use by another process, so its file cannot be replaced`,
    { hint: 'stop the processes that use it, or make a copy with: tradedb vacuum run --to <file>', cause },
  );
}

/** Nothing of the old database may lie beside the new file: it would be applied to it. */
function requireClear(database: string): void {
  const stray = ['-wal', '-shm'].filter((suffix) => existsSync(`${database}${suffix}`));
  if (stray.length > 0 || !journalEnded(database)) {
    throw new TradedbError('database_locked', `a journal lies beside ${JSON.stringify(database)}: it is not replaced`, {
      hint: 'somebody opened it meanwhile; try again',
      details: { stray },
    });
  }
}

/** True without a rollback journal, and with one whose header is zeroed (an exclusive connection leaves that). */
function journalEnded(database: string): boolean {
  const path = `${database}-journal`;
  if (!existsSync(path)) return true;
  const header = Buffer.alloc(8);
  const file = openSync(path, 'r');
  try {
    readSync(file, header, 0, 8, 0);
  } finally {
    closeSync(file);
  }
  return header.every((byte) => byte === 0);
}

/** Removes a zeroed journal; a live one stays, because SQLite has to apply it. */
export function removeEndedJournal(database: string): void {
  if (journalEnded(database)) rmSync(`${database}-journal`, { force: true });
}

function link(database: string, alias: string): void {
  try {
    linkSync(database, alias);
  } catch (error) {
    throw new TradedbError(
      'unsupported',
      `the file system of ${JSON.stringify(database)} has no hard links, so the old file cannot be kept aside`,
      {
        hint: 'make a copy with --to <file> and put it in place by hand while nothing runs',
        cause: error,
      },
    );
  }
}

/** Before the rename everything can be put back: the path is still the old file. */
function undo(request: SwapRequest, hold: Connection | undefined, settings: ConnectionSettings): void {
  hold?.close();
  removeLeftovers(request.database, request.record);
  restoreJournalMode(request.database, request.record.journalMode, settings);
  removeSwapRecord(request.database);
}

/** The partial file with its journals, and the second name of the old file. */
export function removeLeftovers(database: string, record: SwapRecord): void {
  const partial = partialPath(database, record);
  for (const path of [partial, `${partial}-wal`, `${partial}-shm`, `${partial}-journal`]) rmSync(path, { force: true });
  const alias = oldFilePath(database, record);
  if (isOldFile(alias, record) && isOldFile(database, record)) rmSync(alias, { force: true });
}

/** True when a path is the very file that was there before the compaction. */
export function isOldFile(path: string, record: SwapRecord): boolean {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats !== undefined && String(stats.dev) === record.oldDevice && String(stats.ino) === record.oldInode;
}

/** Puts the journal mode back. Whoever is connected now keeps it from changing: that is an error for a resume. */
export function restoreJournalMode(database: string, mode: string, settings: ConnectionSettings): void {
  if (mode !== 'wal') return;
  const connection = openReadWrite(database, { ...normalProfile, foreignKeys: false }, settings);
  try {
    if (connection.pragmaValue('journal_mode') !== 'wal') connection.pragma('journal_mode = WAL');
  } finally {
    connection.close();
  }
}
