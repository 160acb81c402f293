import { existsSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { flushFolder } from '../storage/local-folder.ts';
import { digestOfFile } from './file-digest.ts';
import { type RestoreIntent, readIntent, removeIntent } from './intent.ts';
import { companions, holdOld, keepOrDiscard, moveAside, type SwapOptions } from './swap.ts';

export interface Resumed {
  readonly intent: RestoreIntent;
  /** `completed`: the new database is in place; `reverted`: the old one is. */
  readonly outcome: 'completed' | 'reverted';
  readonly oldDatabase: string | null;
}

/**
 * Ends an exchange that was interrupted, by what the intent and the folder say. `complete` goes forward when the new
 * file is whole, and back otherwise; `revert` goes back. Undefined when nothing is pending.
 */
export async function resumeSwap(
  target: string,
  way: 'complete' | 'revert',
  options: SwapOptions,
  context: OperationContext,
): Promise<Resumed | undefined> {
  const intent = await readIntent(target);
  if (intent === undefined) return undefined;
  const holder = await holdOld(target, options, context);
  try {
    if (way === 'complete' && (await goForward(intent, context))) {
      await removeIntent(target);
      return { intent, outcome: 'completed', oldDatabase: await keepOrDiscard(intent) };
    }
    await goBack(intent);
    await removeIntent(target);
    return { intent, outcome: 'reverted', oldDatabase: null };
  } finally {
    await holder.end();
  }
}

/** False when the new file is not whole. */
async function goForward(intent: RestoreIntent, context: OperationContext): Promise<boolean> {
  if (isNewFile(intent)) return true;
  if (!existsSync(intent.partial) || !(await isWhole(intent, context))) return false;
  await moveAside(intent);
  await rename(intent.partial, intent.target);
  await flushFolder(dirname(intent.target));
  return true;
}

async function goBack(intent: RestoreIntent): Promise<void> {
  const { target, aside, partial } = intent;
  const replaced = isNewFile(intent);
  if (replaced && intent.hadDatabase && !existsSync(aside)) {
    throw new TradedbError('restore_pending', `the old database ${JSON.stringify(aside)} is not there any more`, {
      hint: 'keep the new one with: tradedb restore run --resume',
    });
  }
  // Beside the new file lie only its own companions; beside the old one perhaps newer commits of its own.
  if (replaced) for (const suffix of companions) await rm(`${target}${suffix}`, { force: true });
  if (intent.hadDatabase && existsSync(aside)) {
    if (replaced || !existsSync(target)) await rename(aside, target);
    else await rm(aside);
  } else if (replaced) {
    await rm(target);
  }
  for (const suffix of companions) {
    if (!existsSync(`${aside}${suffix}`)) continue;
    const newer = statSync(`${target}${suffix}`, { throwIfNoEntry: false });
    if (suffix === '-shm') await rm(`${aside}${suffix}`);
    else if (newer === undefined || newer.size === 0) await rename(`${aside}${suffix}`, `${target}${suffix}`);
  }
  await rm(partial, { force: true });
  await flushFolder(dirname(target));
}

/** The rename happened: the path leads to the file that was the partial one. */
function isNewFile(intent: RestoreIntent): boolean {
  return statSync(intent.target, { throwIfNoEntry: false })?.ino === intent.partialInode;
}

/** Compares the new file with its digest; it was flushed before the intent was written, so this finds later harm. */
async function isWhole(intent: RestoreIntent, context: OperationContext): Promise<boolean> {
  if (statSync(intent.partial).size !== intent.sizeBytes) return false;
  return (await digestOfFile(intent.partial, intent.pageSizeBytes, context)) === intent.digest;
}
