import type { LiveFiles } from '../file-access/live-files.ts';
import { walIndexPages } from '../file-access/wal-index-pages.ts';
import {
  parseWalFrameHeader,
  WalChain,
  walFrameBytes,
  walFrameCapacity,
  walFrameOffset,
} from '../file-format/wal-frame.ts';
import { parseWalHeader, sameGeneration, type WalHeader, walHeaderBytes } from '../file-format/wal-header.ts';
import type { WalIndexHeader } from '../file-format/wal-index-header.ts';

/** What stands in the `-wal` file: which page images belong to the database, and where the chain breaks. */
export interface WalView {
  /** Undefined: the file is empty or has no valid header, and SQLite ignores it. */
  readonly header: WalHeader | undefined;
  readonly fileBytes: number;
  /** Frames up to the last commit. */
  readonly committedFrames: number;
  readonly commits: number;
  /** Pages of the database after the last commit; 0 without one. */
  readonly pageCount: number;
  /** Newest committed frame of each page. */
  readonly frameOf: ReadonlyMap<number, number>;
  /** Frames whose checksum was computed here. */
  readonly framesVerified: number;
  readonly fault: WalFault | undefined;
}

export interface WalFault {
  readonly kind: 'foreign' | 'chain' | 'lost';
  readonly message: string;
}

/** Frames of a live WAL that are verified at most, counted back from its end. */
const verifyBytes = 64 * 1024 * 1024;
const blockBytes = 1024 * 1024;

const nothing = { committedFrames: 0, commits: 0, pageCount: 0, frameOf: new Map<number, number>(), framesVerified: 0 };

/**
 * Reads the WAL. `index` is the header of a WAL-index in use: it says where the last commit ends, so every frame before
 * it must verify. Without one the end is found as SQLite's recovery finds it.
 */
export function readWal(files: LiveFiles, index: WalIndexHeader | undefined): WalView {
  const fileBytes = files.identity('wal')?.sizeBytes;
  const header = parseWalHeader(files.read('wal', 0, walHeaderBytes));
  if (index !== undefined) return readLiveWal(files, header, index, fileBytes);
  if (fileBytes === undefined || header === undefined) {
    return { ...nothing, header, fileBytes: fileBytes ?? 0, fault: undefined };
  }
  return { header, fileBytes, ...followChain(files, header, fileBytes) };
}

function readLiveWal(
  files: LiveFiles,
  header: WalHeader | undefined,
  index: WalIndexHeader,
  fileBytes: number | undefined,
): WalView {
  const base = {
    ...nothing,
    header,
    fileBytes: fileBytes ?? 0,
    committedFrames: index.maxFrame,
    pageCount: index.pageCount,
  };
  if (index.maxFrame === 0) return { ...base, fault: undefined };
  const fail = (kind: WalFault['kind'], message: string): WalView => ({ ...base, fault: { kind, message } });
  const pending = index.maxFrame - index.backfilledFrames;
  if (fileBytes === undefined) {
    return fail('lost', `the -wal file is gone with ${pending} frames that are not in the database yet`);
  }
  if (walFrameCapacity(fileBytes, index.pageSizeBytes) < index.maxFrame) {
    return fail(
      'lost',
      `the -wal file ends before frame ${index.maxFrame}, ${pending} frames are not in the database yet`,
    );
  }
  if (header === undefined) return fail('foreign', 'the header of the -wal file is damaged');
  if (!sameGeneration(header, index))
    return fail('foreign', 'the salts of the -wal file are not those of the -shm in use');
  const pages = readPageNumbers(files, index.maxFrame);
  const frameOf =
    pages === undefined
      ? readFrameHeaders(files, header, index.maxFrame)
      : new Map(pages.map((page, place) => [page, place + 1]));
  return { ...base, frameOf, ...verifyTail(files, header, index) };
}

/** Verifies the newest frames of a live WAL, from the checksum stored in the frame before them. */
function verifyTail(
  files: LiveFiles,
  header: WalHeader,
  index: WalIndexHeader,
): Pick<WalView, 'commits' | 'framesVerified' | 'fault'> {
  const size = walFrameBytes(header.pageSizeBytes);
  const first = Math.max(0, index.maxFrame - Math.floor(verifyBytes / size));
  const anchor = first === 0 ? undefined : anchorAt(files, header, first);
  const chain = new WalChain(header, anchor);
  let commits = 0;
  let broken = 0;
  eachFrame(files, header, first + 1, index.maxFrame, (bytes, offset, number) => {
    const frame = chain.next(bytes, offset);
    if (frame === undefined) broken = number;
    else if (frame.pagesAfterCommit > 0) commits += 1;
    return frame !== undefined;
  });
  const framesVerified = chain.position.frame - first;
  const ends = chain.position;
  if (broken === 0 && ends.checksum1 === index.frameChecksum1 && ends.checksum2 === index.frameChecksum2) {
    return { commits, framesVerified, fault: undefined };
  }
  const at = broken === 0 ? index.maxFrame : broken;
  return {
    commits,
    framesVerified,
    fault: {
      kind: 'chain',
      message: `frame ${at} of ${index.maxFrame} committed ones does not continue the checksum chain`,
    },
  };
}

function anchorAt(files: LiveFiles, header: WalHeader, frame: number) {
  const stored = parseWalFrameHeader(files.read('wal', walFrameOffset(frame, header.pageSizeBytes), 24));
  return { frame, checksum1: stored.checksum1, checksum2: stored.checksum2 };
}

/** The page numbers of all committed frames; undefined where the WAL-index does not hold them all. */
export function readPageNumbers(files: LiveFiles, maxFrame: number): number[] | undefined {
  const pages = walIndexPages(files, 1, maxFrame);
  return pages.length < maxFrame ? undefined : pages;
}

function readFrameHeaders(files: LiveFiles, header: WalHeader, maxFrame: number): Map<number, number> {
  const frameOf = new Map<number, number>();
  for (let frame = 1; frame <= maxFrame; frame++) {
    const bytes = files.read('wal', walFrameOffset(frame, header.pageSizeBytes), 24);
    if (bytes.length === 24) frameOf.set(parseWalFrameHeader(bytes).pageNumber, frame);
  }
  return frameOf;
}

type Followed = Pick<WalView, 'committedFrames' | 'commits' | 'pageCount' | 'frameOf' | 'framesVerified' | 'fault'>;

/** Follows the chain from the header to where it ends; what follows is judged by `findLaterCommit`. */
function followChain(files: LiveFiles, header: WalHeader, fileBytes: number): Followed {
  const capacity = walFrameCapacity(fileBytes, header.pageSizeBytes);
  const chain = new WalChain(header);
  const frameOf = new Map<number, number>();
  let open: [page: number, frame: number][] = [];
  let committedFrames = 0;
  let commits = 0;
  let pageCount = 0;
  eachFrame(files, header, 1, capacity, (bytes, offset, number) => {
    const frame = chain.next(bytes, offset);
    if (frame === undefined) return false;
    open.push([frame.pageNumber, number]);
    if (frame.pagesAfterCommit > 0) {
      for (const [page, at] of open) frameOf.set(page, at);
      open = [];
      committedFrames = number;
      commits += 1;
      pageCount = frame.pagesAfterCommit;
    }
    return true;
  });
  const end = chain.position.frame;
  const later = findLaterCommit(files, header, end + 1, capacity);
  const fault: WalFault | undefined =
    later === undefined
      ? undefined
      : { kind: 'chain', message: `frame ${end + 1} is damaged: the commit of frame ${later} behind it would be lost` };
  return { committedFrames, commits, pageCount, frameOf, framesVerified: end, fault };
}

/**
 * A commit behind the frame that breaks the chain, proven by re-anchoring at the checksum that this frame stores. An
 * interrupted last transaction has none; leftovers of an older generation have other salts.
 */
function findLaterCommit(files: LiveFiles, header: WalHeader, broken: number, capacity: number): number | undefined {
  for (let anchor = broken; anchor < Math.min(capacity, broken + 8); anchor++) {
    const chain = new WalChain(header, anchorAt(files, header, anchor));
    let commit: number | undefined;
    eachFrame(files, header, anchor + 1, capacity, (bytes, offset, number) => {
      const frame = chain.next(bytes, offset);
      if (frame !== undefined && frame.pagesAfterCommit > 0) commit = number;
      return frame !== undefined;
    });
    if (commit !== undefined) return commit;
  }
  return undefined;
}

/** Calls `visit` with whole frames, read in blocks, until it returns false. */
function eachFrame(
  files: LiveFiles,
  header: WalHeader,
  first: number,
  last: number,
  visit: (bytes: Uint8Array, offset: number, number: number) => boolean,
): void {
  const size = walFrameBytes(header.pageSizeBytes);
  const perBlock = Math.max(1, Math.floor(blockBytes / size));
  for (let number = first; number <= last; ) {
    const wanted = Math.min(perBlock, last - number + 1);
    const bytes = files.read('wal', walFrameOffset(number, header.pageSizeBytes), wanted * size);
    const whole = Math.floor(bytes.length / size);
    for (let index = 0; index < whole; index++) {
      if (!visit(bytes, index * size, number)) return;
      number += 1;
    }
    if (whole < wanted) return;
  }
}
