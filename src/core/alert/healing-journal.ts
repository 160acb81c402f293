import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../context.ts';
import { fromFileSystem } from '../error.ts';
import { makeFolder } from '../make-folder.ts';

export const healingActions = ['checkpoint', 'optimize', 'incremental-vacuum', 'reindex'] as const;
export type HealingActionName = (typeof healingActions)[number];

/** `started` has no end behind it when the process was killed: that counts as a failure. */
export type HealingEvent = 'refused' | 'dry-run' | 'started' | 'done' | 'failed' | 'reset';

export interface HealingEntry {
  readonly atMs: number;
  readonly database: string;
  readonly action: HealingActionName;
  readonly event: HealingEvent;
  readonly reason: string;
  /** What decided. */
  readonly values: Readonly<Record<string, number | string>>;
}

/** Every attempt to heal, also a refused one: one flushed line each, before and after the act. */
export class HealingJournal {
  readonly path: string;
  readonly #folder: string;
  readonly #clock: Clock;

  constructor(stateDirectory: string, clock: Clock) {
    this.#folder = join(stateDirectory, 'healing');
    this.path = join(this.#folder, 'journal.ndjson');
    this.#clock = clock;
  }

  /** Entries of one database, oldest first; a line that a crash cut is left out. */
  read(database: string): HealingEntry[] {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch {
      return [];
    }
    return text
      .split('\n')
      .flatMap((line) => parse(line) ?? [])
      .filter((entry) => entry.database === database);
  }

  note(entry: Omit<HealingEntry, 'atMs'>): void {
    makeFolder(this.#folder);
    try {
      const file = openSync(this.path, 'a+', 0o600);
      try {
        const text = readFileSync(this.path);
        const cut = text.length > 0 && text[text.length - 1] !== 0x0a ? '\n' : '';
        writeSync(file, `${cut}${JSON.stringify({ atMs: this.#clock.wallTime(), ...entry })}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      throw fromFileSystem(error, this.path);
    }
  }
}

function parse(line: string): HealingEntry | undefined {
  try {
    const entry = JSON.parse(line) as Partial<HealingEntry>;
    return typeof entry.atMs === 'number' && typeof entry.action === 'string' ? (entry as HealingEntry) : undefined;
  } catch {
    return undefined;
  }
}

export interface Breaker {
  readonly action: HealingActionName;
  readonly failures: number;
  /** Nothing is tried any more until a person resets it. */
  readonly open: boolean;
}

/** Failures in a row since the last success or reset, for every action that was tried. */
export function breakersOf(entries: readonly HealingEntry[], breakerAfter: number): Breaker[] {
  return healingActions.flatMap((action) => {
    const own = entries.filter((entry) => entry.action === action);
    if (own.length === 0) return [];
    let failures = 0;
    let running = false;
    for (const { event } of own) {
      if (running && event !== 'done' && event !== 'failed') failures += 1;
      running = event === 'started';
      if (event === 'failed') failures += 1;
      if (event === 'done' || event === 'reset') failures = 0;
    }
    const all = failures + (running ? 1 : 0);
    return [{ action, failures: all, open: all >= breakerAfter }];
  });
}
