import { WalChecksum } from './wal-checksum.ts';
import { type WalHeader, walHeaderBytes } from './wal-header.ts';

/** One frame of a `-wal` file: 24 bytes of header and a page (https://sqlite.org/fileformat2.html, section 4.1). */

export const walFrameHeaderBytes = 24;

export interface WalFrameHeader {
  readonly pageNumber: number;
  /** Size of the database in pages after the commit that this frame ends; 0 inside a transaction. */
  readonly pagesAfterCommit: number;
  readonly salt1: number;
  readonly salt2: number;
  readonly checksum1: number;
  readonly checksum2: number;
}

/** Reads the frame header at `offset`; the bytes must be there. */
export function parseWalFrameHeader(bytes: Uint8Array, offset = 0): WalFrameHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, walFrameHeaderBytes);
  return {
    pageNumber: view.getUint32(0),
    pagesAfterCommit: view.getUint32(4),
    salt1: view.getUint32(8),
    salt2: view.getUint32(12),
    checksum1: view.getUint32(16),
    checksum2: view.getUint32(20),
  };
}

/** Bytes of one frame. */
export function walFrameBytes(pageSizeBytes: number): number {
  return walFrameHeaderBytes + pageSizeBytes;
}

/** Where frame `number` (from 1) begins in the file. */
export function walFrameOffset(number: number, pageSizeBytes: number): number {
  return walHeaderBytes + (number - 1) * walFrameBytes(pageSizeBytes);
}

/** How many whole frames fit into a file of `fileBytes`; old and torn ones count too. */
export function walFrameCapacity(fileBytes: number, pageSizeBytes: number): number {
  return Math.max(0, Math.floor((fileBytes - walHeaderBytes) / walFrameBytes(pageSizeBytes)));
}

/** State of the chain after a number of frames: enough to go on verifying from there. */
export interface WalChainPosition {
  /** Frames behind the position; 0 at the header. */
  readonly frame: number;
  readonly checksum1: number;
  readonly checksum2: number;
}

/** Verifies frames one after the other: each must carry the salts of the header and continue the running checksum. */
export class WalChain {
  readonly header: WalHeader;
  #frame: number;
  #checksum: WalChecksum;

  constructor(header: WalHeader, from?: WalChainPosition) {
    this.header = header;
    this.#frame = from?.frame ?? 0;
    this.#checksum = new WalChecksum(
      header.checksumOrder,
      from?.checksum1 ?? header.checksum1,
      from?.checksum2 ?? header.checksum2,
    );
  }

  get position(): WalChainPosition {
    return { frame: this.#frame, checksum1: this.#checksum.first, checksum2: this.#checksum.second };
  }

  /**
   * Takes the frame at `offset` into the chain and returns its header; undefined when it does not continue it (end of
   * the valid part), and the position stays. `bytes` must hold the whole frame.
   */
  next(bytes: Uint8Array, offset = 0): WalFrameHeader | undefined {
    const { salt1, salt2, checksumOrder, pageSizeBytes } = this.header;
    const frame = parseWalFrameHeader(bytes, offset);
    if (frame.salt1 !== salt1 || frame.salt2 !== salt2 || frame.pageNumber === 0) return undefined;
    const checksum = new WalChecksum(checksumOrder, this.#checksum.first, this.#checksum.second)
      .update(bytes, offset, 8)
      .update(bytes, offset + walFrameHeaderBytes, pageSizeBytes);
    if (checksum.first !== frame.checksum1 || checksum.second !== frame.checksum2) return undefined;
    this.#checksum = checksum;
    this.#frame += 1;
    return frame;
  }
}
