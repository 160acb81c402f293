import { fstatSync } from 'node:fs';
import { TradedbError } from '../error.ts';
import type { DatabaseHeader } from '../file-format/database-header.ts';
import { sameGeneration } from '../file-format/wal-header.ts';
import type { WalIndexHeader } from '../file-format/wal-index-header.ts';
import type { LiveFiles } from './live-files.ts';
import { readWalHeader, scanWal } from './wal-tail.ts';

/** A place in the WAL: archiving goes on exactly there. */
export interface WalPosition {
  readonly salt1: number;
  readonly salt2: number;
  /** Frames of this generation that belong to the snapshot; 0: none. */
  readonly frame: number;
  /** Running checksum of that frame; 0 when there is none. */
  readonly checksum1: number;
  readonly checksum2: number;
}

/**
 * One committed state of a live database: which pages come from the WAL, which from the file. It stays true as long as
 * a read transaction is held that began before it was taken.
 */
export interface SnapshotView {
  readonly header: DatabaseHeader;
  readonly pageSizeBytes: number;
  readonly pageCount: number;
  /** Null for a database in rollback-journal mode. */
  readonly position: WalPosition | null;
  /** Page numbers in ascending order and, beside each, the frame that holds its newest version. Shared memory. */
  readonly overlayPages: Uint32Array;
  readonly overlayFrames: Uint32Array;
}

/** Why the raw files cannot be read as one state; a copy through SQLite still can. */
export class SnapshotUnavailable extends Error {
  override readonly name = 'SnapshotUnavailable';
}

const tries = 3;

/**
 * Takes the newest committed state. The caller's process must hold its read transaction already. A `standalone` file is
 * a private copy that nobody writes: its WAL mode means nothing.
 */
export function takeSnapshotView(files: LiveFiles, standalone = false): SnapshotView {
  const header = files.header();
  if (header === undefined) {
    throw new TradedbError('not_a_database', `${JSON.stringify(files.path)} is not an SQLite database`, {
      hint: 'check the path; for a damaged database see: tradedb health --full',
    });
  }
  if (standalone || header.readVersion !== 2) return fileOnly(files, header, null);
  for (let attempt = 0; attempt < tries; attempt++) {
    const index = files.walIndex();
    if (index === undefined) throw new SnapshotUnavailable('there is no readable wal-index');
    if (index.maxFrame === 0) {
      const { salt1, salt2 } = index;
      return fileOnly(files, header, { salt1, salt2, frame: 0, checksum1: 0, checksum2: 0 });
    }
    const view = overlaid(files, header, index);
    if (view !== undefined) return view;
  }
  throw new SnapshotUnavailable('the WAL did not reach its last commit in three readings');
}

function fileOnly(files: LiveFiles, header: DatabaseHeader, position: WalPosition | null): SnapshotView {
  const sizeBytes = fstatSync(files.descriptor('database') as number).size;
  const pagesInFile = Math.ceil(sizeBytes / header.pageSizeBytes);
  const pageCount = header.pageCountValid ? header.pageCount : pagesInFile;
  if (pageCount > pagesInFile) {
    throw new TradedbError(
      'database_corrupt',
      `${JSON.stringify(files.path)} is cut off: ${pagesInFile} of ${pageCount} pages are there`,
      { hint: 'see: tradedb health --full, or restore the newest backup: tradedb restore --replace' },
    );
  }
  const none = new Uint32Array(0);
  return {
    header,
    pageSizeBytes: header.pageSizeBytes,
    pageCount,
    position,
    overlayPages: none,
    overlayFrames: none,
  };
}

/** Undefined when the WAL was restarted between the readings: try again. */
function overlaid(files: LiveFiles, header: DatabaseHeader, index: WalIndexHeader): SnapshotView | undefined {
  files.refresh('wal');
  const descriptor = files.descriptor('wal');
  if (descriptor === undefined) return undefined;
  const wal = readWalHeader(descriptor);
  if (wal === undefined || !sameGeneration(wal, index)) return undefined;
  const newest = new Map<number, number>();
  const scan = scanWal(descriptor, wal, {
    untilFrame: index.maxFrame,
    onFrame: (frame, position) => newest.set(frame.pageNumber, position.frame),
  });
  const last = scan.lastCommit;
  if (last?.frame !== index.maxFrame) return undefined;
  if (last.checksum1 !== index.frameChecksum1 || last.checksum2 !== index.frameChecksum2) return undefined;
  const pages = [...newest.keys()].filter((page) => page <= last.pagesAfterCommit).sort((a, b) => a - b);
  const overlayPages = new Uint32Array(new SharedArrayBuffer(pages.length * 4));
  const overlayFrames = new Uint32Array(new SharedArrayBuffer(pages.length * 4));
  for (const [slot, page] of pages.entries()) {
    overlayPages[slot] = page;
    overlayFrames[slot] = newest.get(page) ?? 0;
  }
  return {
    header,
    pageSizeBytes: wal.pageSizeBytes,
    pageCount: last.pagesAfterCommit,
    position: {
      salt1: wal.salt1,
      salt2: wal.salt2,
      frame: last.frame,
      checksum1: last.checksum1,
      checksum2: last.checksum2,
    },
    overlayPages,
    overlayFrames,
  };
}
