import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fromFileSystem } from '../error.ts';
import { type FileSystemFacts, fileSystemOf } from '../file-access/file-system.ts';
import { LiveFiles } from '../file-access/live-files.ts';
import { type Holder, holdersOf, walIndexInUse } from '../file-access/lock-table.ts';
import {
  type DatabaseHeader,
  type DatabaseHeaderProblem,
  databaseHeaderProblem,
  parseDatabaseHeader,
} from '../file-format/database-header.ts';
import { type JournalHeader, journalHeaderSize, readJournalHeader } from '../file-format/journal-header.ts';
import { walFrameBytes, walFrameOffset } from '../file-format/wal-frame.ts';
import type { WalIndexHeader } from '../file-format/wal-index-header.ts';
import { readWal, type WalView } from './wal-view.ts';

/** Facts about a database that all checks share, gathered without SQLite and without taking a lock. */
export interface HealthTarget {
  /** What `changeMark` gave before anything was read. */
  readonly mark: string;
  readonly indexInUse: boolean;
  /** Symbolic links resolved: SQLite puts `-wal` beside the real file. */
  readonly path: string;
  readonly device: number;
  readonly inode: number;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly folderMode: number;
  readonly modifiedMs: number;
  readonly headerBytes: Uint8Array;
  readonly headerProblem: DatabaseHeaderProblem | undefined;
  /** Of the newest committed page 1, also when it lies in the WAL. */
  readonly header: DatabaseHeader | undefined;
  readonly pageSize: number;
  /** Page size without the reserved bytes at the end of a page. */
  readonly usableSize: number;
  /** Pages after the last commit. */
  readonly pageCount: number;
  readonly wal: WalView;
  readonly walExists: boolean;
  /** Only while a process uses it: a left-over `-shm` says nothing. */
  readonly index: WalIndexHeader | undefined;
  readonly journal: { readonly sizeBytes: number; readonly header: JournalHeader | undefined } | undefined;
  /** Undefined where the system has no lock table. */
  readonly holders: readonly Holder[] | undefined;
  readonly fileSystem: FileSystemFacts;
  readonly files: LiveFiles;
  /** Images that count more than those of the files: recovery lays the pages of a hot journal over the database. */
  readonly overlay?: PageOverlay;
}

export interface PageOverlay {
  read(page: number): Uint8Array | undefined;
}

const noSystem: FileSystemFacts = {
  type: '?',
  kind: 'unknown',
  freeBytes: 0,
  totalBytes: 0,
  freeInodes: undefined,
  totalInodes: undefined,
};

/** Looks are repeated until no commit falls into one; beside a writer that never rests, the last one has to do. */
const looks = 8;

/** Gathers the facts of one moment. The caller closes `files`. */
export function gatherTarget(path: string): HealthTarget {
  let real: string;
  try {
    real = realpathSync(path);
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  const files = new LiveFiles(real);
  try {
    let target = look(files);
    for (let count = 1; count < looks && !isUnchanged(target); count++) {
      files.refresh('wal');
      target = look(files);
    }
    return target;
  } catch (error) {
    files.close();
    throw fromFileSystem(error, path);
  }
}

function look(files: LiveFiles): HealthTarget {
  const holders = holdersOf(files.path);
  const indexInUse = walIndexInUse(holders);
  // Before anything else is read: a commit between the two would go unnoticed.
  const mark = changeMark(files.path, files, indexInUse);
  const index = indexInUse ? files.walIndex() : undefined;
  const fileHeaderBytes = files.read('database', 0, 100);
  const wal = readWal(files, index);
  const headerBytes = newestHeader(files, wal) ?? fileHeaderBytes;
  const header = parseDatabaseHeader(headerBytes) ?? parseDatabaseHeader(fileHeaderBytes);
  const pageSize = header?.pageSizeBytes ?? 4096;
  const journalSize = files.identity('journal')?.sizeBytes;
  // After the page count: a file that grows meanwhile must not look too short.
  const stats = statSync(files.path);
  return {
    mark,
    indexInUse,
    path: files.path,
    device: stats.dev,
    inode: stats.ino,
    sizeBytes: stats.size,
    mode: stats.mode,
    folderMode: statSync(dirname(files.path)).mode,
    modifiedMs: stats.mtimeMs,
    headerBytes: fileHeaderBytes,
    headerProblem: databaseHeaderProblem(fileHeaderBytes),
    header,
    pageSize,
    usableSize: pageSize - (header?.reservedBytes ?? 0),
    pageCount: countPages(wal, header, stats.size),
    wal,
    walExists: files.identity('wal') !== undefined,
    index,
    journal:
      journalSize === undefined
        ? undefined
        : { sizeBytes: journalSize, header: readJournalHeader(files.read('journal', 0, journalHeaderSize)) },
    holders,
    fileSystem: systemOf(files.path),
    files,
  };
}

function newestHeader(files: LiveFiles, wal: WalView): Uint8Array | undefined {
  const frame = wal.frameOf.get(1);
  if (frame === undefined || wal.header === undefined) return undefined;
  const size = wal.header.pageSizeBytes;
  const start = walFrameOffset(frame, size) + walFrameBytes(size) - size;
  return files.read('wal', start, 100);
}

function countPages(wal: WalView, header: DatabaseHeader | undefined, sizeBytes: number): number {
  if (wal.pageCount > 0) return wal.pageCount;
  if (header === undefined) return 0;
  return header.pageCountValid ? header.pageCount : Math.floor(sizeBytes / header.pageSizeBytes);
}

function systemOf(path: string): FileSystemFacts {
  try {
    return fileSystemOf(path);
  } catch {
    return noSystem;
  }
}

/**
 * Changes whenever something is committed, checkpointed or written: two looks with the same text saw the same database.
 * Reads the files again.
 */
export function changeMark(path: string, files: LiveFiles, indexInUse: boolean): string {
  const ofFile = (suffix: string): string => {
    const stats = statSync(`${path}${suffix}`, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? '-' : `${stats.ino}.${stats.size}.${stats.mtimeNs}`;
  };
  const index = indexInUse ? files.walIndex() : undefined;
  const ofIndex =
    index === undefined ? '' : [index.changeCounter, index.maxFrame, index.backfilledFrames, index.salt1].join('.');
  return [ofFile(''), ofFile('-wal'), ofFile('-journal'), ofIndex].join(' ');
}

/** Nothing was committed, checkpointed or written since the facts were gathered. */
export function isUnchanged(target: HealthTarget): boolean {
  return changeMark(target.path, target.files, target.indexInUse) === target.mark;
}

/** A writer of a rollback-journal database is in its transaction: pages in the file may be half of it. */
export function rollbackWriterActive(target: HealthTarget): boolean {
  if (target.wal.header !== undefined || target.index !== undefined) return false;
  const exclusive = target.holders?.some((holder) =>
    holder.locks.some((lock) => lock.file === 'database' && (lock.exclusive || lock.bytes.includes('RESERVED'))),
  );
  return exclusive === true;
}
