import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { readFully } from '../../file-access/live-files.ts';
import { serveReader } from '../../file-access/reader-child.ts';
import type { ReaderReply } from '../../file-access/reader-protocol.ts';
import { lockBytePage } from '../../file-format/database-header.ts';
import { type Connection, openReadWrite } from '../../sqlite/connection.ts';
import { fullProfile } from '../../sqlite/pragma-profile.ts';
import { isBusy } from '../../sqlite/translate-error.ts';
import { syncFolder } from '../../sync-folder.ts';
import { encodeJournalHeader, encodeJournalRecord } from './rollback-journal.ts';

/**
 * Entry of the child process that writes a standby. It holds SQLite's exclusive lock while it writes the pages as bytes,
 * under a rollback journal of its own making: after a crash SQLite itself takes the batch back. The file is opened once
 * and closed only by the end of the process, because closing it would drop the lock; lock and writer die together.
 */

interface Opened {
  readonly path: string;
  readonly descriptor: number;
  readonly connection: Connection;
  pageSizeBytes: number;
}

let opened: Opened | undefined;

function standby(): Opened {
  if (opened === undefined) throw new Error('the standby has to be opened first');
  return opened;
}

const port = {
  send: (message: ReaderReply) => process.send?.(message),
  on: process.on.bind(process),
  // In the middle of a batch nothing must be tidied up: the journal is what the next opener needs.
  exit: () => process.kill(process.pid, 'SIGKILL') as never,
};

serveReader(port, {
  open({ path, pageSizeBytes }: { path: string; pageSizeBytes: number }) {
    const descriptor = openSync(path, 'r+');
    const connection = openReadWrite(path, fullProfile, { clock: systemClock, random: systemRandom });
    opened = { path, descriptor, connection, pageSizeBytes };
    return { pages: fstatSync(descriptor).size / pageSizeBytes };
  },
  /** Takes the lock; a batch that a crash has left is taken back by that. Gives the first page. */
  lock({ waitMs }: { waitMs: number }) {
    const { connection, descriptor, pageSizeBytes } = standby();
    // The waiting of SQLite itself: it keeps new readers out while the old ones end.
    connection.pragma(`busy_timeout = ${Math.round(waitMs)}`);
    try {
      connection.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      if (isBusy(error)) return { busy: true };
      throw error;
    }
    return { page: readFully(descriptor, new Uint8Array(pageSizeBytes), 0) };
  },
  /** The first page, without a lock: nobody but us writes the file, and opening it took back what a crash has left. */
  first() {
    const { descriptor, pageSizeBytes } = standby();
    return readFully(descriptor, new Uint8Array(pageSizeBytes), 0);
  },
  /** Saves what the batch will overwrite or cut off. */
  begin({ pages, pagesAfter }: { pages: Uint32Array; pagesAfter: number }) {
    const { path, descriptor, pageSizeBytes } = standby();
    const pagesBefore = fstatSync(descriptor).size / pageSizeBytes;
    const saved = new Set<number>();
    for (const page of pages) if (page <= pagesBefore) saved.add(page);
    for (let page = pagesAfter + 1; page <= pagesBefore; page++) saved.add(page);
    // It holds nothing, and SQLite takes its number for the end of a journal: what follows would not be taken back.
    saved.delete(lockBytePage(pageSizeBytes));
    const nonce = Buffer.from(systemRandom.bytes(4)).readUInt32BE(0);
    const journal = openSync(`${path}-journal`, 'w');
    try {
      writeAll(journal, encodeJournalHeader({ records: saved.size, nonce, pagesBefore, pageSizeBytes }), 0);
      let offset = 512;
      for (const page of saved) {
        const bytes = readFully(descriptor, new Uint8Array(pageSizeBytes), (page - 1) * pageSizeBytes);
        offset += writeAll(journal, encodeJournalRecord(page, bytes, nonce), offset);
      }
      fsyncSync(journal);
    } finally {
      closeSync(journal);
    }
    syncFolder(dirname(path));
  },
  write({ page, bytes }: { page: number; bytes: Uint8Array }) {
    const { descriptor, pageSizeBytes } = standby();
    writeAll(descriptor, bytes, (page - 1) * pageSizeBytes);
  },
  /** The batch counts when its journal is gone. */
  commit({ pagesAfter }: { pagesAfter: number }) {
    const { path, descriptor, pageSizeBytes, connection } = standby();
    ftruncateSync(descriptor, pagesAfter * pageSizeBytes);
    fsyncSync(descriptor);
    rmSync(`${path}-journal`);
    syncFolder(dirname(path));
    connection.rollback();
  },
});

function writeAll(descriptor: number, bytes: Uint8Array, offset: number): number {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(descriptor, bytes, done, bytes.length - done, offset + done);
  }
  return bytes.length;
}
