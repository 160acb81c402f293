import { fingerprintsOf } from '../file-format/page-fingerprint.ts';
import { type LiveFile, LiveFiles } from './live-files.ts';
import { serveReader } from './reader-child.ts';
import { refuseSqlite } from './reader-guard.ts';
import { readWalHeader, scanWal } from './wal-tail.ts';

/** Entry of the child process behind LiveReader. */

refuseSqlite();

const opened = new Map<string, LiveFiles>();

function filesOf({ path }: { path: string }): LiveFiles {
  const known = opened.get(path) ?? new LiveFiles(path);
  opened.set(path, known);
  return known;
}

interface Pages {
  path: string;
  firstPage: number;
  count: number;
  pageSizeBytes: number;
}

serveReader(process, {
  identities(input: { path: string }) {
    const files = filesOf(input);
    const of = (file: LiveFile) => files.identity(file) ?? null;
    return { database: of('database'), wal: of('wal'), shm: of('shm'), journal: of('journal') };
  },
  read(input: { path: string; file: LiveFile; offset: number; length: number }) {
    const files = filesOf(input);
    files.refresh(input.file);
    return files.read(input.file, input.offset, input.length);
  },
  header(input: { path: string }) {
    const files = filesOf(input);
    files.refresh('database');
    return files.header() ?? null;
  },
  walIndex: (input: { path: string }) => filesOf(input).walIndex() ?? null,
  wal(input: { path: string }) {
    const files = filesOf(input);
    files.refresh('wal');
    const descriptor = files.descriptor('wal');
    const header = descriptor === undefined ? undefined : readWalHeader(descriptor);
    return descriptor === undefined || header === undefined ? null : scanWal(descriptor, header);
  },
  fingerprints({ path, firstPage, count, pageSizeBytes }: Pages) {
    const bytes = filesOf({ path }).read('database', (firstPage - 1) * pageSizeBytes, count * pageSizeBytes);
    return fingerprintsOf(bytes.subarray(0, bytes.length - (bytes.length % pageSizeBytes)), pageSizeBytes);
  },
});
