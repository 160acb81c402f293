import type { Clock } from '../context.ts';
import type { DatabaseHeader } from '../file-format/database-header.ts';
import type { WalIndexHeader } from '../file-format/wal-index-header.ts';
import { childEntry } from './child-entry.ts';
import type { FileIdentity } from './file-identity.ts';
import type { LiveFile } from './live-files.ts';
import { ReaderProcess } from './reader-process.ts';
import type { WalScan } from './wal-tail.ts';

export interface LiveReaderPorts {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/**
 * Reads a live database as bytes, through a child process that never opens SQLite. Each answer is of its own moment:
 * only a pinned read transaction of the caller makes several of them belong together.
 */
export class LiveReader {
  readonly path: string;
  readonly #process: ReaderProcess;

  constructor(path: string, ports: LiveReaderPorts) {
    this.path = path;
    this.#process = new ReaderProcess(childEntry('./reader-main', import.meta.url), ports);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Null where a file does not exist. */
  identities(): Promise<Readonly<Record<LiveFile, FileIdentity | null>>> {
    return this.#process.call('identities', { path: this.path });
  }

  /** Up to `length` bytes; fewer at the end of the file, none when it does not exist. */
  read(file: LiveFile, offset: number, length: number): Promise<Uint8Array> {
    return this.#process.call('read', { path: this.path, file, offset, length });
  }

  /** The header as it lies in the file; null when it is none. */
  header(): Promise<DatabaseHeader | null> {
    return this.#process.call('header', { path: this.path });
  }

  /** Null without a readable wal-index. */
  walIndex(): Promise<WalIndexHeader | null> {
    return this.#process.call('walIndex', { path: this.path });
  }

  /** Verified frames from the start of the WAL; null without a WAL that SQLite would accept. */
  wal(): Promise<WalScan | null> {
    return this.#process.call('wal', { path: this.path });
  }

  /** Fingerprints (12 bytes each) of `count` pages of the file from `firstPage` (from 1); pages beyond the end are left out. */
  fingerprints(firstPage: number, count: number, pageSizeBytes: number): Promise<Uint8Array> {
    return this.#process.call('fingerprints', { path: this.path, firstPage, count, pageSizeBytes });
  }

  /** Ends the child process. */
  close(): Promise<void> {
    return this.#process.stop();
  }
}
