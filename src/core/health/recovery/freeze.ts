import { createHash } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, openSync, readSync, statSync, utimesSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OperationContext, ProgressTask } from '../../context.ts';
import { fromFileSystem, TradedbError, throwIfCancelled } from '../../error.ts';
import { makeFolder } from '../../make-folder.ts';
import { gatherTarget, type HealthTarget, isUnchanged } from '../target.ts';

export interface FrozenFile {
  /** Such as `database.db-wal`. */
  readonly name: string;
  readonly original: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly device: number;
  readonly inode: number;
}

export interface FrozenCase {
  /** The copy that everything else reads. */
  readonly database: string;
  readonly files: readonly FrozenFile[];
}

const suffixes = ['', '-wal', '-journal', '-shm'] as const;

/** Throws `restore_target_in_use`, with the names, while a process is connected. */
export function refuseConnected(path: string): void {
  const target = gatherTarget(path);
  target.files.close();
  refuseHolders(target.holders);
}

function refuseHolders(holders: HealthTarget['holders']): void {
  if (holders === undefined || holders.length === 0) return;
  const names = holders.map(({ pid, command }) => `pid ${pid} (${command})`).join(', ');
  throw new TradedbError('restore_target_in_use', `the database is in use by ${names}`, {
    hint: 'stop the services first: what they write would be missing in the recovered file',
  });
}

/**
 * Copies the database and everything beside it into `folder`, before anything is tried. Refuses while a process is
 * connected, and when a file changes meanwhile: a mixture would be worth nothing.
 */
export async function freeze(path: string, folder: string, context: OperationContext): Promise<FrozenCase> {
  const target = gatherTarget(path);
  try {
    refuseHolders(target.holders);
    makeFolder(folder);
    const bytes = suffixes.reduce((sum, suffix) => sum + sizeOf(`${target.path}${suffix}`), 0);
    const progress = context.progress.start({ id: 'freeze', label: 'copying the files', unit: 'bytes', total: bytes });
    const files: FrozenFile[] = [];
    for (const suffix of suffixes) {
      throwIfCancelled(context.signal);
      const original = `${target.path}${suffix}`;
      if (statSync(original, { throwIfNoEntry: false }) === undefined) continue;
      files.push(await freezeFile(original, join(folder, `database.db${suffix}`), progress));
    }
    progress.done();
    flushFolder(folder);
    if (!isUnchanged(target)) {
      throw new TradedbError('restore_target_in_use', 'the database was written to while it was copied', {
        hint: 'stop the services and try again',
      });
    }
    return { database: join(folder, 'database.db'), files };
  } finally {
    target.files.close();
  }
}

async function freezeFile(original: string, copy: string, progress: ProgressTask): Promise<FrozenFile> {
  try {
    await copyFile(original, copy);
  } catch (error) {
    throw fromFileSystem(error, copy);
  }
  const sha256 = hashFile(copy, true);
  if (sha256 !== hashFile(original, false)) {
    throw new TradedbError('checksum_mismatch', `the copy of ${JSON.stringify(original)} is not equal to it`, {
      hint: 'the disk may be failing: copy the files to another one first',
    });
  }
  // Read-only, so that no tool changes the evidence by accident.
  chmodSync(copy, 0o400);
  // When the original was last written says whether a backup can know all of it.
  const { atimeMs, mtimeMs } = statSync(original);
  utimesSync(copy, atimeMs / 1000, mtimeMs / 1000);
  const sizeBytes = sizeOf(copy);
  progress.advance(sizeBytes);
  const { dev, ino } = statSync(original);
  return { name: copy.slice(copy.lastIndexOf('database.db')), original, sizeBytes, sha256, device: dev, inode: ino };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function hashFile(path: string, sync: boolean): string {
  const file = openSync(path, 'r');
  try {
    if (sync) fsyncSync(file);
    const hash = createHash('sha256');
    const block = Buffer.alloc(1 << 20);
    for (let count = readSync(file, block); count > 0; count = readSync(file, block))
      hash.update(block.subarray(0, count));
    return hash.digest('hex');
  } finally {
    closeSync(file);
  }
}

/** Frozen copies are evidence: one that changed since is none. Throws `checksum_mismatch`. */
export function verifyFrozen(folder: string, files: readonly FrozenFile[]): FrozenCase {
  for (const { name, sha256 } of files) {
    const copy = join(folder, name);
    if (statSync(copy, { throwIfNoEntry: false }) !== undefined && hashFile(copy, false) === sha256) continue;
    throw new TradedbError('checksum_mismatch', `the frozen copy ${JSON.stringify(copy)} is not what it was`, {
      hint: 'start again with a new case; the original was not changed',
    });
  }
  return { database: join(folder, 'database.db'), files };
}

function flushFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
