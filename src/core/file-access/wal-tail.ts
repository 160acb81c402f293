import { fstatSync } from 'node:fs';
import {
  WalChain,
  type WalChainPosition,
  type WalFrameHeader,
  walFrameBytes,
  walFrameOffset,
} from '../file-format/wal-frame.ts';
import { parseWalHeader, type WalHeader, walHeaderBytes } from '../file-format/wal-header.ts';
import { readFully } from './live-files.ts';

/** Frames read at once: large enough for disk speed, small enough for any database. */
const bufferBytes = 4 * 1024 * 1024;

export interface WalCommit extends WalChainPosition {
  readonly pagesAfterCommit: number;
}

export interface WalScan {
  readonly header: WalHeader;
  /** Valid frames, uncommitted ones included. */
  readonly frames: number;
  readonly commits: number;
  /** The last commit whose frames are all valid; undefined when there is none after the start. */
  readonly lastCommit: WalCommit | undefined;
}

export interface WalScanOptions {
  /** Goes on behind this position instead of from the first frame. */
  readonly from?: WalChainPosition;
  /** Stops behind this frame. */
  readonly untilFrame?: number;
  /** Called for every valid frame; `bytes` are valid only during the call. */
  readonly onFrame?: (frame: WalFrameHeader, position: WalChainPosition, bytes: Uint8Array) => void;
}

/** The header at the start of the WAL; undefined when there is none that SQLite would accept. */
export function readWalHeader(descriptor: number): WalHeader | undefined {
  return parseWalHeader(readFully(descriptor, new Uint8Array(walHeaderBytes), 0));
}

/** Reads and verifies frames up to the first one that does not continue the chain. */
export function scanWal(descriptor: number, header: WalHeader, options: WalScanOptions = {}): WalScan {
  const frameBytes = walFrameBytes(header.pageSizeBytes);
  const chain = new WalChain(header, options.from);
  const until = options.untilFrame ?? Number.POSITIVE_INFINITY;
  // No larger than what is to be read: a tail that looks many times a second reads a few frames each time.
  const framesPerRead = Math.max(1, Math.min(Math.floor(bufferBytes / frameBytes), until - chain.position.frame));
  const buffer = new Uint8Array(framesPerRead * frameBytes);
  let commits = 0;
  let lastCommit: WalCommit | undefined;

  scan: while (chain.position.frame < until) {
    const start = walFrameOffset(chain.position.frame + 1, header.pageSizeBytes);
    if (fstatSync(descriptor).size < start + frameBytes) break;
    const bytes = readFully(descriptor, buffer, start);
    for (let offset = 0; offset + frameBytes <= bytes.length; offset += frameBytes) {
      if (chain.position.frame >= until) break scan;
      const frame = chain.next(bytes, offset);
      if (frame === undefined) break scan;
      options.onFrame?.(frame, chain.position, bytes.subarray(offset, offset + frameBytes));
      if (frame.pagesAfterCommit > 0) {
        commits += 1;
        lastCommit = { ...chain.position, pagesAfterCommit: frame.pagesAfterCommit };
      }
    }
    if (bytes.length < frameBytes) break;
  }
  return { header, frames: chain.position.frame, commits, lastCommit };
}
