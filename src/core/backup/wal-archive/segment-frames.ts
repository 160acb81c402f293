import { zstdDecompressSync } from 'node:zlib';
import { TradedbError } from '../../error.ts';
import {
  WalChain,
  type WalChainPosition,
  type WalFrameHeader,
  walFrameBytes,
  walFrameHeaderBytes,
} from '../../file-format/wal-frame.ts';
import { blockHeaderBytes, type SegmentHeader } from './segment-format.ts';

export interface SegmentFrame {
  readonly frame: WalFrameHeader;
  readonly page: Uint8Array;
  /** Number of the commit that the frame belongs to. */
  readonly tx: number;
  /** Place of the frame in its WAL. */
  readonly position: WalChainPosition;
}

/** The frames of a segment in order; each must continue the checksum chain of the WAL it was taken from. */
export function* framesOf(header: SegmentHeader, blocks: Uint8Array): Generator<SegmentFrame> {
  const frameBytes = walFrameBytes(header.pageSizeBytes);
  const chain = new WalChain(
    { ...header, checkpointSequence: 0, checksum1: header.seed1, checksum2: header.seed2 },
    { frame: header.firstFrame - 1, checksum1: header.seed1, checksum2: header.seed2 },
  );
  let tx = header.firstTx;
  for (const block of plainBlocks(blocks)) {
    if (block.length % frameBytes !== 0) throw brokenArchive('a block does not hold whole frames');
    for (let offset = 0; offset < block.length; offset += frameBytes) {
      const frame = chain.next(block, offset);
      if (frame === undefined) throw brokenArchive('the checksum of a frame differs');
      const start = offset + walFrameHeaderBytes;
      yield { frame, page: block.subarray(start, start + header.pageSizeBytes), tx, position: chain.position };
      if (frame.pagesAfterCommit > 0) tx += 1;
    }
  }
}

/** The last version of every page that the commits after `after` up to `upTo` of a segment write. */
export function newestPages(
  { header, blocks }: { header: SegmentHeader; blocks: Uint8Array },
  after: number,
  upTo: number,
): Map<number, Uint8Array> {
  const newest = new Map<number, Uint8Array>();
  for (const { frame, page, tx } of framesOf(header, blocks)) {
    if (tx > upTo) break;
    if (tx > after) newest.set(frame.pageNumber, page);
  }
  return newest;
}

export function brokenArchive(what: string): TradedbError {
  return new TradedbError('checksum_mismatch', `the WAL archive is damaged: ${what}`, {
    hint: 'restore the last backup before it: tradedb backup list',
  });
}

function* plainBlocks(blocks: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.byteLength);
  for (let offset = 0; offset < blocks.length; ) {
    const storedBytes = view.getUint32(offset, true);
    const plainBytes = view.getUint32(offset + 4, true);
    const compressed = view.getUint8(offset + 8) === 1;
    const stored = blocks.subarray(offset + blockHeaderBytes, offset + blockHeaderBytes + storedBytes);
    // A copy, so that the words of the checksum lie aligned.
    const plain = compressed ? zstdDecompressSync(stored, { maxOutputLength: plainBytes }) : new Uint8Array(stored);
    if (plain.length !== plainBytes) throw brokenArchive('a block has another length');
    yield plain;
    offset += blockHeaderBytes + storedBytes;
  }
}
