import type { ErrorCode } from '../error.ts';
import type { SqlParameters, SqlValue } from './statement.ts';

/** One `tx` that ended. Times in milliseconds. */
export interface TransactionEvent {
  readonly name: string;
  readonly committed: boolean;
  /** Why it failed; absent when it was committed or threw an error of the caller. */
  readonly errorCode?: ErrorCode;
  /** Retries, and the same by SQLite's extended result code. */
  readonly retries: number;
  readonly retriesByCode: Readonly<Record<string, number>>;
  /** Waiting for other processes. */
  readonly waitMs: number;
  /** The whole call without that waiting. */
  readonly serviceMs: number;
}

/** One group commit that ended. */
export interface GroupEvent {
  readonly operations: number;
  /** Operations that failed and were undone alone, or all of them when the group was lost. */
  readonly rejected: number;
  readonly committed: boolean;
  readonly retries: number;
  readonly waitMs: number;
  readonly serviceMs: number;
}

/** One `read` batch that ended, or one that has just become older than its limit. */
export interface ReadEvent {
  readonly name: string;
  readonly queries: number;
  readonly ageMs: number;
  readonly overdue: boolean;
}

export type CheckpointMode = 'passive' | 'full' | 'restart' | 'truncate';

export interface CheckpointEvent {
  readonly mode: CheckpointMode;
  /** `idle`: no transaction for a while; `limit`: the WAL file was too large; `call`: asked for. */
  readonly reason: 'idle' | 'limit' | 'call';
  /** True when a reader or writer kept it from finishing. */
  readonly busy: boolean;
  readonly logFrames: number;
  readonly checkpointedFrames: number;
  readonly durationMs: number;
}

export interface BackgroundReadEvent {
  readonly outcome: 'rows' | 'error' | 'deadline' | 'cancelled' | 'refused';
  readonly queueMs: number;
  readonly runMs: number;
  readonly rows: number;
}

/** One execution of a prepared statement, on the writing or the reading connection. */
export interface StatementEvent {
  readonly sql: string;
  /** As they were bound; not to be kept beyond the call when they hold blobs. */
  readonly values: SqlParameters;
  /** Until the rows were there; for an iteration until it could begin. */
  readonly durationMs: number;
  readonly connection: { readonly sqliteVersion: string; pragmaValue(text: string): SqlValue | undefined };
}

/** Receives what happened. Each method is optional; one that throws is removed and never breaks a transaction. */
export interface DatabaseHook {
  onTransaction?(event: TransactionEvent): void;
  onGroup?(event: GroupEvent): void;
  onRead?(event: ReadEvent): void;
  onCheckpoint?(event: CheckpointEvent): void;
  onBackgroundRead?(event: BackgroundReadEvent): void;
  /** With such a hook each statement is timed; without one none is. Background readers are not seen. */
  onStatement?(event: StatementEvent): void;
}

interface EventOf {
  onTransaction: TransactionEvent;
  onGroup: GroupEvent;
  onRead: ReadEvent;
  onCheckpoint: CheckpointEvent;
  onBackgroundRead: BackgroundReadEvent;
  onStatement: StatementEvent;
}

/** The hooks of one database, by the event that they want. */
export class HookList {
  readonly #hooks: DatabaseHook[];
  readonly #onFailure: (error: unknown) => void;
  readonly #wanted = new Set<keyof EventOf>();
  failures = 0;

  constructor(hooks: readonly DatabaseHook[], onFailure: (error: unknown) => void) {
    this.#hooks = [...hooks];
    this.#onFailure = onFailure;
    this.#count();
  }

  /** True when some hook wants this event: without one, nobody reads a clock for it. */
  wants(event: keyof EventOf): boolean {
    return this.#wanted.has(event);
  }

  emit<K extends keyof EventOf>(name: K, event: EventOf[K]): void {
    for (const hook of [...this.#hooks]) {
      try {
        (hook[name] as ((event: EventOf[K]) => void) | undefined)?.call(hook, event);
      } catch (error) {
        this.#remove(hook, error);
      }
    }
  }

  #remove(hook: DatabaseHook, error: unknown): void {
    this.#hooks.splice(this.#hooks.indexOf(hook), 1);
    this.failures += 1;
    this.#count();
    try {
      this.#onFailure(error);
    } catch {
      // The report of a broken hook must not break what the hook watched.
    }
  }

  #count(): void {
    this.#wanted.clear();
    for (const name of [
      'onTransaction',
      'onGroup',
      'onRead',
      'onCheckpoint',
      'onBackgroundRead',
      'onStatement',
    ] as const) {
      if (this.#hooks.some((hook) => hook[name] !== undefined)) this.#wanted.add(name);
    }
  }
}
