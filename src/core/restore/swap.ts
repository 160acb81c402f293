import { existsSync, statSync } from 'node:fs';
import { link, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { childEntry } from '../file-access/child-entry.ts';
import { ReaderProcess } from '../file-access/reader-process.ts';
import { flushFolder } from '../storage/local-folder.ts';
import { inUseError, usersOf } from './in-use.ts';
import { type RestoreIntent, removeIntent, writeIntent } from './intent.ts';

/** Files that SQLite would take for parts of the new database if they stayed: they go aside before it appears. */
export const companions = ['-wal', '-shm', '-journal'] as const;

export interface SwapOptions {
  /** Copies the WAL of the old database into it first, so that it is complete without one. */
  readonly checkpoint: boolean;
  /** Goes on although the old file cannot be locked, because it cannot be opened. */
  readonly force: boolean;
  readonly ownPid: number;
  /** The old file is damaged and must not be opened: that nobody uses it is looked up, not locked. */
  readonly withoutOpening?: boolean;
}

export interface Swapped {
  /** Where the old database lies now; null when there was none or it was discarded. */
  readonly oldDatabase: string | null;
  readonly checkpointed: boolean;
}

/** Puts a finished new file in the place of a database. A crash at any point can be completed or taken back. */
export async function swapIn(intent: RestoreIntent, options: SwapOptions, context: OperationContext): Promise<Swapped> {
  const holder = await holdOld(intent.target, options, context);
  try {
    await writeIntent(intent);
    await moveAside(intent);
    await rename(intent.partial, intent.target);
    await flushFolder(dirname(intent.target));
    await removeIntent(intent.target);
    return { oldDatabase: await keepOrDiscard(intent), checkpointed: holder.checkpointed };
  } finally {
    await holder.end();
  }
}

/** Steps of the exchange before the new file appears; each may be done already. */
export async function moveAside(intent: RestoreIntent): Promise<void> {
  const { target, aside } = intent;
  if (intent.hadDatabase && existsSync(target) && !existsSync(aside)) await linkOrMove(target, aside);
  for (const suffix of companions) {
    if (existsSync(`${target}${suffix}`)) await rename(`${target}${suffix}`, unusedName(`${aside}${suffix}`));
  }
  await flushFolder(dirname(target));
}

/** The old database under its new name, or nothing of it when it was to be discarded. */
export async function keepOrDiscard(intent: RestoreIntent): Promise<string | null> {
  const stale = intent.discardOld || !intent.hadDatabase;
  if (!stale) {
    // A wal-index is rebuilt from the WAL; an empty WAL says nothing.
    await rm(`${intent.aside}-shm`, { force: true });
    const wal = statSync(`${intent.aside}-wal`, { throwIfNoEntry: false });
    if (wal?.size === 0) await rm(`${intent.aside}-wal`, { force: true });
    return intent.aside;
  }
  for (const suffix of ['', ...companions]) await rm(`${intent.aside}${suffix}`, { force: true });
  return null;
}

/** With a second name the path is never without a database; file systems without hard links have a short gap. */
async function linkOrMove(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    if (error.code !== 'EPERM' && error.code !== 'ENOTSUP' && error.code !== 'EXDEV') throw error;
    await rename(from, to);
  }
}

function unusedName(path: string): string {
  if (!existsSync(path)) return path;
  for (let number = 2; ; number++) if (!existsSync(`${path}.${number}`)) return `${path}.${number}`;
}

interface Holder {
  readonly checkpointed: boolean;
  end(): Promise<void>;
}

const nothingHeld: Holder = { checkpointed: false, end: async () => {} };

/** Locks the old database against everybody, in a child process that is killed at the end. */
export async function holdOld(target: string, options: SwapOptions, context: OperationContext): Promise<Holder> {
  if (!existsSync(target)) return nothingHeld;
  if (options.withoutOpening === true) {
    const users = usersOf(target, [options.ownPid]);
    if (users.length > 0) throw inUseError(target, users);
    return nothingHeld;
  }
  const child = new ReaderProcess(childEntry('./exclusive-holder-main', import.meta.url), { clock: context.clock });
  const end = (): Promise<void> => child.stop();
  const own = [options.ownPid, child.pid ?? 0];
  try {
    const { checkpointed } = await lock(child, target, options);
    const users = usersOf(target, own);
    if (users.length > 0) throw inUseError(target, users);
    return { checkpointed, end };
  } catch (error) {
    const users = usersOf(target, own);
    await end();
    if (!(error instanceof TradedbError) || error.code === 'restore_target_in_use') throw error;
    if (error.code === 'database_locked' || users.length > 0) throw inUseError(target, users);
    if (options.force) return nothingHeld;
    throw new TradedbError(error.code, `the old file cannot be locked before it is replaced: ${error.message}`, {
      hint: 'make sure that no process uses it, then give --force',
      cause: error,
    });
  }
}

/** A damaged old database may not be able to checkpoint: it is then left exactly as it is, with its WAL. */
async function lock(child: ReaderProcess, path: string, options: SwapOptions): Promise<{ checkpointed: boolean }> {
  try {
    return await child.call('hold', { path, checkpoint: options.checkpoint });
  } catch (error) {
    if (!options.checkpoint || !(error instanceof TradedbError) || error.code !== 'database_corrupt') throw error;
    return child.call('hold', { path, checkpoint: false });
  }
}
