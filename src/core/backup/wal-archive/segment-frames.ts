import { zstdDecompressSync } from 'node:zlib';
import { TradedbError } from '../../error.ts';
import {
  WalChain,
  type WalChainPosition,
  type WalFrameHeader,
  walFrameBytes,
  walFrameHeaderBytes,
} from '../../file-format/wal-frame.ts';
import type { MergedFooter, MergedHeader, MergedState } from './merged-format.ts';
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
    const { plain, aligned } = block;
    if (plain.length % frameBytes !== 0) throw brokenArchive('a block does not hold whole frames');
    for (let offset = 0; offset < plain.length; offset += frameBytes) {
      const frame = chain.next(aligned, offset);
      if (frame === undefined) throw brokenArchive('the checksum of a frame differs');
      const start = offset + walFrameHeaderBytes;
      yield { frame, page: plain.subarray(start, start + header.pageSizeBytes), tx, position: chain.position };
      if (frame.pagesAfterCommit > 0) tx += 1;
    }
  }
}

export interface MergedPage {
  readonly state: MergedState;
  readonly pageNumber: number;
  readonly page: Uint8Array;
}

/** The pages of merged commits, those of the newest state first. */
export function* mergedPages(
  { pageSizeBytes }: MergedHeader,
  { states }: MergedFooter,
  blocks: Uint8Array,
): Generator<MergedPage> {
  const newestFirst = [...states].reverse();
  let index = 0;
  let ofState = 0;
  for (const { plain: block } of plainBlocks(blocks)) {
    if (block.length % (pageSizeBytes + 4) !== 0) throw brokenArchive('a block does not hold whole pages');
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    for (let offset = 0; offset < block.length; offset += pageSizeBytes + 4) {
      while (newestFirst[index] !== undefined && ofState === newestFirst[index]?.stored) {
        index += 1;
        ofState = 0;
      }
      const state = newestFirst[index];
      if (state === undefined) throw brokenArchive('merged commits with pages of no state');
      ofState += 1;
      yield {
        state,
        pageNumber: view.getUint32(offset, true),
        page: block.subarray(offset + 4, offset + 4 + pageSizeBytes),
      };
    }
  }
  const missing = newestFirst.slice(index).reduce((sum, { stored }) => sum + stored, 0) - ofState;
  if (missing > 0) throw brokenArchive('merged commits with pages missing');
}

export function brokenArchive(what: string): TradedbError {
  return new TradedbError('checksum_mismatch', `the WAL archive is damaged: ${what}`, {
    hint: 'restore the last backup before it: tradedb backup list',
  });
}

/** The frames of a block, and the same bytes where the words of the checksum lie aligned: only until the next block. */
interface PlainBlock {
  readonly plain: Uint8Array;
  readonly aligned: Uint8Array;
}

function* plainBlocks(blocks: Uint8Array): Generator<PlainBlock> {
  const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.byteLength);
  let scratch = new Uint8Array(0);
  for (let offset = 0; offset < blocks.length; ) {
    const storedBytes = view.getUint32(offset, true);
    const plainBytes = view.getUint32(offset + 4, true);
    const compressed = view.getUint8(offset + 8) === 1;
    const stored = blocks.subarray(offset + blockHeaderBytes, offset + blockHeaderBytes + storedBytes);
    const plain = compressed ? zstdDecompressSync(stored, { maxOutputLength: plainBytes }) : stored;
    if (plain.length !== plainBytes) throw brokenArchive('a block has another length');
    if (plain.byteOffset % 4 === 0) {
      yield { plain, aligned: plain };
    } else {
      if (scratch.length < plain.length) scratch = Buffer.allocUnsafeSlow(plain.length);
      scratch.set(plain);
      yield { plain, aligned: scratch.subarray(0, plain.length) };
    }
    offset += blockHeaderBytes + storedBytes;
  }
}
