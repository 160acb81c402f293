import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Clock } from '../../src/core/context.ts';
import { systemClock } from '../../src/system/system-clock.ts';
import { temporaryFolder } from './temporary-folder.ts';

const script = fileURLToPath(new URL('./lock-holder.mjs', import.meta.url));

export interface LockHolder {
  readonly process: ChildProcess;
  /** Tells the other process to roll back and blocks this thread until it has. */
  releaseSync(): void;
}

/** Starts a second process that runs `statements` on the database and keeps what they lock. */
export async function holdLock(path: string, statements: readonly string[]): Promise<LockHolder> {
  const folder = temporaryFolder('tradedb-lock-');
  const child = spawn(process.execPath, [script, path, statements.join(';;'), folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  while (!existsSync(join(folder, 'held'))) {
    if (child.exitCode !== null) throw new Error(`the lock holder ended with ${child.exitCode}`);
    await sleep(2);
  }
  return {
    process: child,
    releaseSync() {
      writeFileSync(join(folder, 'release'), '');
      while (!existsSync(join(folder, 'released'))) systemClock.sleepSync(1);
    },
  };
}

/** A clock whose blocking waits are counted; `onSleep` is called with the number of the wait before it begins. */
export function countingClock(onSleep: (count: number) => void = () => {}): Clock & { readonly sleeps: number[] } {
  const sleeps: number[] = [];
  return {
    ...systemClock,
    sleeps,
    sleepSync(ms) {
      sleeps.push(ms);
      onSleep(sleeps.length);
      systemClock.sleepSync(ms);
    },
  };
}
