import { createHash } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, openSync, readSync, realpathSync, statSync, utimesSync } from 'node:fs';
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
    throw withPlaceHint(fromFileSystem(error, copy));
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

const placeErrors: ReadonlySet<string> = new Set(['disk_full', 'permission_denied', 'read_only']);

/** The case needs more room than is often free beside the database, and a folder that can be written. */
export function withPlaceHint(error: unknown): unknown {
  if (!(error instanceof TradedbError) || !placeErrors.has(error.code)) return error;
  const hint = 'free some space, or name a --case folder on another disk';
  return new TradedbError(error.code, error.message, { hint, cause: error });
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

/**
 * Throws `restore_target_in_use` when the originals are not what was frozen any more: what was written since is not in
 * the result. Files that an interrupted exchange has moved to `aside` already count as unchanged.
 */
export function refuseChanged(path: string, files: readonly FrozenFile[], aside: string): void {
  const real = realpathOf(path);
  for (const suffix of suffixes.filter((one) => one !== '-shm')) {
    const frozen = files.find(({ name }) => name === `database.db${suffix}`);
    const original = `${real}${suffix}`;
    const size = sizeOf(original);
    if (size === 0 && (frozen === undefined || frozen.sizeBytes === 0)) continue;
    const isThere = statSync(original, { throwIfNoEntry: false }) !== undefined;
    const wasMoved = statSync(`${aside}${suffix}`, { throwIfNoEntry: false }) !== undefined;
    if (wasMoved || (isThere && frozen !== undefined && hashFile(original, false) === frozen.sha256)) continue;
    throw new TradedbError('restore_target_in_use', `${JSON.stringify(original)} was written to after it was frozen`, {
      hint: 'the result does not have what was written: recover again with a new case, and stop the services first',
    });
  }
}

function realpathOf(path: string): string {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? path : realpathSync(path);
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
