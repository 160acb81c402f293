import * as v from 'valibot';
import { TradedbError } from '../../error.ts';
import { hex, sha256 } from '../chunk/pack-format.ts';
import { segmentFooterBytes, segmentTrailer, segmentTrailerBytes } from './segment-format.ts';

/**
 * Layout of a segment of merged commits (docs/formats/repository.md), which takes the place of the segments that it was
 * made of:
 *
 *     "TDBWMRG1"  headerLength:u32  header (JSON)  blocks ...  footer (JSON)  trailer as that of a segment
 *     block: storedLength:u32  plainLength:u32  codec:u8 (0 none, 1 zstd)  bytes
 *
 * A block holds pages: number:u32, bytes. Some commits are left, the states; for each there are the last versions of the
 * pages that changed since the state before it. The newest state comes first.
 */

export const mergedMagic = Buffer.from('TDBWMRG1', 'latin1');

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const headerSchema = v.object({
  format: v.literal(1),
  epoch: v.string(),
  pageSizeBytes: count,
  firstTx: count,
  /** Digest of the segment before; null for the first one of an epoch. */
  previous: v.nullable(v.string()),
  /** Digest of the last one of the segments whose place it takes: what the next segment names. */
  merged: v.string(),
  /** Random, so that the name tells nothing of the pages. */
  salt: v.string(),
});

const stateSchema = v.object({
  tx: count,
  /** Size of the database. */
  pages: count,
  notBefore: v.number(),
  notAfter: v.number(),
  /** Pages that are stored for it. */
  stored: count,
  position: v.object({ salt1: count, salt2: count, frame: count, checksum1: count, checksum2: count }),
});

const footerSchema = v.object({
  lastTx: count,
  blockBytes: count,
  /** Oldest first. */
  states: v.array(stateSchema),
});

export type MergedHeader = v.InferOutput<typeof headerSchema>;
export type MergedState = v.InferOutput<typeof stateSchema>;
export type MergedFooter = v.InferOutput<typeof footerSchema>;

export function encodeMergedHeader(header: MergedHeader): Uint8Array {
  const body = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return Buffer.concat([mergedMagic, length, body]);
}

export function encodeMergedFooter(footer: MergedFooter): Uint8Array {
  const body = Buffer.from(JSON.stringify(footer));
  return Buffer.concat([body, segmentTrailer(body)]);
}

export function decodeMergedFooter(body: Uint8Array, trailer: Uint8Array): MergedFooter {
  if (Buffer.compare(sha256(body), Buffer.from(trailer).subarray(4, 36)) !== 0) throw damaged('footer');
  return v.parse(footerSchema, JSON.parse(Buffer.from(body).toString('utf8')));
}

/** The parts of a whole segment; `digest` is the one of its name. */
export function decodeMerged(
  bytes: Uint8Array,
  digest: string,
): { header: MergedHeader; footer: MergedFooter; blocks: Uint8Array } {
  if (hex(sha256(bytes)) !== digest) throw damaged('sha256');
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!buffer.subarray(0, 8).equals(mergedMagic)) throw damaged('format');
  const headerEnd = 12 + buffer.readUInt32LE(8);
  const header = v.parse(headerSchema, JSON.parse(buffer.subarray(12, headerEnd).toString('utf8')));
  const trailer = buffer.subarray(buffer.length - segmentTrailerBytes);
  const footerStart = buffer.length - segmentTrailerBytes - segmentFooterBytes(trailer);
  const footer = decodeMergedFooter(buffer.subarray(footerStart, buffer.length - segmentTrailerBytes), trailer);
  if (headerEnd + footer.blockBytes !== footerStart) throw damaged('size');
  return { header, footer, blocks: buffer.subarray(headerEnd, footerStart) };
}

function damaged(what: string): TradedbError {
  return new TradedbError('checksum_mismatch', `a segment of merged commits is damaged (${what})`);
}
