import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makeFolder } from '../make-folder.ts';
import type { CheckResult } from '../report.ts';
import type { TierRuns } from './tier.ts';

/** What one run leaves to the next: only hints, so a lost or broken file costs nothing but memory. */
export interface RunState {
  readonly version: 1;
  readonly lastRunAt?: number;
  readonly tierRuns: TierRuns;
  readonly checks: Readonly<Record<string, CheckMemory>>;
  readonly scan?: { readonly nextPage: number; readonly lastCompleteAt?: number };
  readonly readers: readonly ReaderSighting[];
  readonly locks: readonly LockSighting[];
  readonly wal?: WalMemory;
}

export interface CheckMemory {
  readonly status: CheckResult['status'];
  readonly at: number;
  readonly durationMs: number;
  readonly summary: string;
  /** The database as it was then: an unchanged one needs no second look at its rows. */
  readonly mark?: string;
}

/** A reader that holds an old snapshot; the key names process, slot, mark and WAL generation. */
export interface ReaderSighting {
  readonly key: string;
  readonly firstSeenAt: number;
  readonly firstMaxFrame: number;
}

/** A lock that keeps others waiting; the key names process, lock and the state of its work. */
export interface LockSighting {
  readonly key: string;
  readonly firstSeenAt: number;
}

/** Commits that were only in the WAL, with what would be found in their place if they got lost. */
export interface WalMemory {
  readonly salt1: number;
  readonly salt2: number;
  readonly maxFrame: number;
  readonly backfilledFrames: number;
  readonly pages: readonly { readonly page: number; readonly inWal: string; readonly inFile: string }[];
}

export const emptyRunState: RunState = { version: 1, tierRuns: {}, checks: {}, readers: [], locks: [] };

/** Where the state of one file lives: a database that replaces another one begins with no memories. */
export function runStatePath(stateDirectory: string, target: { path: string; device: number; inode: number }): string {
  const name = basename(target.path)
    .replace(/[^\w.-]/g, '_')
    .slice(0, 80);
  return join(stateDirectory, 'health', `${name}-${target.device}-${target.inode}.json`);
}

export function loadRunState(path: string): RunState {
  try {
    const state = JSON.parse(readFileSync(path, 'utf8')) as Partial<RunState>;
    return state.version === 1 ? { ...emptyRunState, ...state } : emptyRunState;
  } catch {
    return emptyRunState;
  }
}

/**
 * Puts the state in place by rename. It is not synced to disk: after a power failure an older one, or none, will do, and
 * the quick tier must stay quick. Throws when the folder cannot be written.
 */
export function saveRunState(path: string, state: RunState, nonce: string): void {
  makeFolder(dirname(path));
  const partial = `${path}.${nonce}.partial`;
  writeFileSync(partial, `${JSON.stringify(state)}\n`);
  renameSync(partial, path);
}
