import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationContext } from '../context.ts';
import { fromFileSystem } from '../error.ts';
import { makeFolder } from '../make-folder.ts';
import { syncFolder, writeDurably } from './durable-file.ts';
import type { Notification } from './notification.ts';

/** One notification on its way to one channel. */
export interface OutboxEntry {
  readonly version: 1;
  readonly channel: string;
  readonly notification: Notification;
  readonly attempts: number;
  /** Wall time, milliseconds since 1970. */
  readonly nextTryMs: number;
  readonly lastError: string | null;
}

export type OutboxFolder = 'pending' | 'sent' | 'dead';

const firstBackoffMs = 30_000;
const longestBackoffMs = 3_600_000;
const giveUpAfterMs = 86_400_000;
/** A clock that jumped a day ahead must not end the attempts at once. */
const leastAttempts = 8;
const keptSent = 200;
const leftoverAfterMs = 600_000;

/**
 * Notifications as files: written and synced before they are sent, moved after. Whoever is killed in between sends again
 * with the same idempotency key; nothing is lost.
 */
export class Outbox {
  readonly #folder: string;
  readonly #context: OperationContext;

  constructor(stateDirectory: string, context: OperationContext) {
    this.#folder = join(stateDirectory, 'alerts', 'outbox');
    this.#context = context;
  }

  /** Adds a notification for a channel, unless it is there already: in whatever folder. */
  add(notification: Notification, channel: string): void {
    const name = nameOf(notification, channel);
    for (const folder of folders) makeFolder(this.#path(folder));
    if (folders.some((folder) => existsSync(this.#path(folder, name)))) return;
    this.#write(name, { version: 1, channel, notification, attempts: 0, nextTryMs: 0, lastError: null });
  }

  /** Names in a folder, oldest first. */
  names(folder: OutboxFolder): string[] {
    try {
      return readdirSync(this.#path(folder))
        .filter((name) => name.endsWith('.json'))
        .sort();
    } catch {
      return [];
    }
  }

  /** Undefined when somebody else moved it meanwhile, or when it cannot be read. */
  read(folder: OutboxFolder, name: string): OutboxEntry | undefined {
    try {
      const entry = JSON.parse(readFileSync(this.#path(folder, name), 'utf8')) as OutboxEntry;
      return entry.version === 1 ? entry : undefined;
    } catch {
      return undefined;
    }
  }

  /** Files that hold no notification any more, such as after a disk error: they go to `dead`, and are told there. */
  buryUnreadable(): string[] {
    const broken = this.names('pending').filter(
      (name) => existsSync(this.#path('pending', name)) && this.read('pending', name) === undefined,
    );
    for (const name of broken) this.#move(name, 'pending', 'dead');
    return broken;
  }

  /** Halves of files that killed processes left; a file that is being written is younger. */
  removeLeftovers(): void {
    const now = this.#context.clock.wallTime();
    let names: string[];
    try {
      names = readdirSync(this.#path('pending')).filter((name) => name.endsWith('.partial'));
    } catch {
      return;
    }
    for (const name of names) {
      const path = this.#path('pending', name);
      const writtenAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now;
      if (now - writtenAt > leftoverAfterMs) rmSync(path, { force: true });
    }
  }

  isDue(entry: OutboxEntry): boolean {
    const waitMs = entry.nextTryMs - this.#context.clock.wallTime();
    // Longer than any backoff: the clock was set back.
    return waitMs <= 0 || waitMs > longestBackoffMs;
  }

  sent(name: string): void {
    this.#move(name, 'pending', 'sent');
    for (const old of this.names('sent').slice(0, -keptSent)) rmSync(this.#path('sent', old), { force: true });
  }

  /** Notes a failure; after a day of attempts the entry goes to `dead`. */
  failed(name: string, entry: OutboxEntry, reason: string): void {
    const now = this.#context.clock.wallTime();
    const attempts = entry.attempts + 1;
    const backoffMs = Math.min(longestBackoffMs, firstBackoffMs * 2 ** Math.min(entry.attempts, 10));
    this.#write(name, { ...entry, attempts, nextTryMs: now + backoffMs, lastError: reason });
    const isOld = now - entry.notification.createdMs > giveUpAfterMs;
    if (isOld && attempts >= leastAttempts) this.#move(name, 'pending', 'dead');
  }

  /** Tries the dead ones again, and all that wait, without waiting. */
  revive(): void {
    for (const name of this.names('dead')) this.#move(name, 'dead', 'pending');
    for (const name of this.names('pending')) {
      const entry = this.read('pending', name);
      if (entry !== undefined) this.#write(name, { ...entry, nextTryMs: 0 });
    }
  }

  #move(name: string, from: OutboxFolder, to: OutboxFolder): void {
    try {
      renameSync(this.#path(from, name), this.#path(to, name));
    } catch (error) {
      throw fromFileSystem(error, this.#path(from, name));
    }
    syncFolder(this.#path(to));
    syncFolder(this.#path(from));
  }

  #write(name: string, entry: OutboxEntry): void {
    const nonce = Buffer.from(this.#context.random.bytes(6)).toString('hex');
    writeDurably(this.#path('pending', name), `${JSON.stringify(entry)}\n`, nonce);
  }

  #path(folder: OutboxFolder, name = ''): string {
    return join(this.#folder, folder, name);
  }
}

const folders: readonly OutboxFolder[] = ['pending', 'sent', 'dead'];

/** Sorts by time; the same notification for the same channel always has the same name. */
function nameOf(notification: Notification, channel: string): string {
  return `${String(notification.createdMs).padStart(15, '0')}-${notification.id}-${channel}.json`;
}
