import { closeSync, existsSync, fstatSync, openSync, readSync, realpathSync, type Stats, statSync } from 'node:fs';
import { type DatabaseHeader, databaseHeaderBytes, parseDatabaseHeader } from '../file-format/database-header.ts';
import { parseWalIndexHeader, type WalIndexHeader, walIndexHeaderBytes } from '../file-format/wal-index-header.ts';
import { type FileIdentity, identityOf } from './file-identity.ts';

export type LiveFile = 'database' | 'wal' | 'shm' | 'journal';

const suffixes: Readonly<Record<LiveFile, string>> = { database: '', wal: '-wal', shm: '-shm', journal: '-journal' };

/** Commits are quick: a header that is unreadable this many times in a row is damaged, not in motion. */
const indexReadTries = 50;

/**
 * The files of a live database, opened as bytes. Only for a process without SQLite (reader-guard): closing a descriptor
 * drops the locks of the whole process.
 */
export class LiveFiles {
  readonly path: string;
  readonly #open = new Map<LiveFile, number>();

  /** Symbolic links are followed: SQLite looks for the other files beside the real one. */
  constructor(path: string) {
    this.path = existsSync(path) ? realpathSync(path) : path;
  }

  /** A descriptor that stays open until `close`; undefined when the file does not exist. */
  descriptor(file: LiveFile): number | undefined {
    const known = this.#open.get(file);
    if (known !== undefined) return known;
    try {
      const opened = openSync(`${this.path}${suffixes[file]}`, 'r');
      this.#open.set(file, opened);
      return opened;
    } catch (error) {
      if (file !== 'database' && error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Opens the file again when its name leads to another one now, as after a TRUNCATE by the last connection. */
  refresh(file: LiveFile): void {
    const known = this.#open.get(file);
    if (known === undefined) return;
    if (this.isSame(file)) return;
    closeSync(known);
    this.#open.delete(file);
  }

  /** Whether the name still leads to the file that was opened; true before that. */
  isSame(file: LiveFile): boolean {
    const known = this.#open.get(file);
    if (known === undefined) return true;
    const named = statSync(`${this.path}${suffixes[file]}`, { throwIfNoEntry: false });
    const opened = fstatSync(known);
    return named !== undefined && named.ino === opened.ino && named.dev === opened.dev;
  }

  /** Up to `length` bytes from `offset`; fewer at the end of the file, none when it does not exist. */
  read(file: LiveFile, offset: number, length: number): Uint8Array {
    const descriptor = this.descriptor(file);
    if (descriptor === undefined) return new Uint8Array(0);
    return readFully(descriptor, new Uint8Array(length), offset);
  }

  /** Fills `target` from `offset`; the part that was there, none when the file does not exist. */
  readInto(file: LiveFile, offset: number, target: Uint8Array): Uint8Array {
    const descriptor = this.descriptor(file);
    return descriptor === undefined ? target.subarray(0, 0) : readFully(descriptor, target, offset);
  }

  /** Undefined when the file does not exist. */
  identity(file: LiveFile): FileIdentity | undefined {
    const stats: Stats | undefined = statSync(`${this.path}${suffixes[file]}`, { throwIfNoEntry: false });
    return stats === undefined ? undefined : identityOf(stats);
  }

  /** The header in the file: pages that lie only in the WAL are not seen. */
  header(): DatabaseHeader | undefined {
    return parseDatabaseHeader(this.read('database', 0, databaseHeaderBytes));
  }

  /** The wal-index header; undefined when there is none, or none that can be read. */
  walIndex(): WalIndexHeader | undefined {
    this.refresh('shm');
    for (let tries = 0; tries < indexReadTries; tries++) {
      const bytes = this.read('shm', 0, walIndexHeaderBytes);
      if (bytes.length < walIndexHeaderBytes) return undefined;
      const header = parseWalIndexHeader(bytes);
      if (header !== undefined) return header;
    }
    return undefined;
  }

  close(): void {
    for (const descriptor of this.#open.values()) closeSync(descriptor);
    this.#open.clear();
  }
}

/** Fills `target` from `offset` of the file; returns the part that was there. */
export function readFully(descriptor: number, target: Uint8Array, offset: number): Uint8Array {
  let done = 0;
  while (done < target.length) {
    const count = readSync(descriptor, target, done, target.length - done, offset + done);
    if (count === 0) break;
    done += count;
  }
  return done === target.length ? target : target.subarray(0, done);
}
