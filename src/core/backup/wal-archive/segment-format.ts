import * as v from 'valibot';
import { TradedbError } from '../../error.ts';
import { hex, sha256 } from '../chunk/pack-format.ts';

/**
 * Layout of a segment of archived WAL frames (docs/formats/repository.md):
 *
 *     "TDBWSEG1"  headerLength:u32  header (JSON)  blocks ...  footer (JSON)  footerLength:u32  sha256(footer)[32]  "TDBWEND1"
 *     block: storedLength:u32  plainLength:u32  codec:u8 (0 none, 1 zstd)  bytes
 *
 * A block holds whole frames with their headers, as they lay in the WAL. A segment begins behind a commit, ends with
 * one, and never spans two generations of the WAL. The name carries the sha256 of all bytes.
 */

export const segmentMagic = Buffer.from('TDBWSEG1', 'latin1');
export const segmentEndMagic = Buffer.from('TDBWEND1', 'latin1');
export const segmentTrailerBytes = 44;
export const blockHeaderBytes = 9;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const headerSchema = v.object({
  format: v.literal(1),
  epoch: v.string(),
  pageSizeBytes: count,
  checksumOrder: v.picklist(['little', 'big']),
  salt1: count,
  salt2: count,
  /** First frame of the segment in its WAL, from 1. */
  firstFrame: count,
  /** Running checksum before that frame. */
  seed1: count,
  seed2: count,
  /** Transaction number of the first commit. */
  firstTx: count,
  /** Digest of the segment before; null for the first one of an epoch. */
  previous: v.nullable(v.string()),
});

const commitSchema = v.object({
  /** Last frame of the commit, in its WAL. */
  frame: count,
  pages: count,
  /** The commit happened between these moments (milliseconds since 1970 UTC). */
  notBefore: v.number(),
  notAfter: v.number(),
});

const footerSchema = v.object({
  lastTx: count,
  lastFrame: count,
  /** Running checksum of the last frame. */
  checksum1: count,
  checksum2: count,
  /** Bytes of the blocks with their headers. */
  blockBytes: count,
  commits: v.array(commitSchema),
});

export type SegmentHeader = v.InferOutput<typeof headerSchema>;
export type SegmentFooter = v.InferOutput<typeof footerSchema>;
export type SegmentCommit = v.InferOutput<typeof commitSchema>;

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const body = Buffer.from(JSON.stringify(header));
  return Buffer.concat([segmentMagic, uint32(body.length), body]);
}

export function encodeSegmentFooter(footer: SegmentFooter): Uint8Array {
  const body = Buffer.from(JSON.stringify(footer));
  return Buffer.concat([body, segmentTrailer(body)]);
}

/** What follows a footer: its length, its sha256 and the end mark. */
export function segmentTrailer(footer: Uint8Array): Uint8Array {
  return Buffer.concat([uint32(footer.length), sha256(footer), segmentEndMagic]);
}

/** Length of the footer by the last bytes of a segment. */
export function segmentFooterBytes(trailer: Uint8Array): number {
  const bytes = Buffer.from(trailer);
  if (bytes.length !== segmentTrailerBytes || !bytes.subarray(36).equals(segmentEndMagic)) throw damaged('end mark');
  return bytes.readUInt32LE(0);
}

export function decodeSegmentFooter(body: Uint8Array, trailer: Uint8Array): SegmentFooter {
  if (Buffer.compare(sha256(body), Buffer.from(trailer).subarray(4, 36)) !== 0) throw damaged('footer');
  return v.parse(footerSchema, JSON.parse(Buffer.from(body).toString('utf8')));
}

/** The parts of a whole segment; `digest` is the one of its name. */
export function decodeSegment(
  bytes: Uint8Array,
  digest: string,
): { header: SegmentHeader; footer: SegmentFooter; blocks: Uint8Array } {
  if (hex(sha256(bytes)) !== digest) throw damaged('sha256');
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!buffer.subarray(0, 8).equals(segmentMagic)) throw damaged('format');
  const headerEnd = 12 + buffer.readUInt32LE(8);
  const header = v.parse(headerSchema, JSON.parse(buffer.subarray(12, headerEnd).toString('utf8')));
  const trailer = buffer.subarray(buffer.length - segmentTrailerBytes);
  const footerStart = buffer.length - segmentTrailerBytes - segmentFooterBytes(trailer);
  const footer = decodeSegmentFooter(buffer.subarray(footerStart, buffer.length - segmentTrailerBytes), trailer);
  if (headerEnd + footer.blockBytes !== footerStart) throw damaged('size');
  return { header, footer, blocks: buffer.subarray(headerEnd, footerStart) };
}

/** `wal/<epoch>/000000000001-000000000009-<sha>.wseg`; of merged commits: the digest that it stands for before its own. */
export function segmentKey(
  databaseId: string,
  epoch: string,
  name: Omit<SegmentName, 'merged'> & { readonly merged?: string | null },
): string {
  const number = (tx: number): string => String(tx).padStart(12, '0');
  const digests = [...(name.merged == null ? [] : [name.merged]), name.digest].join('-');
  return `db/${databaseId}/wal/${epoch}/${number(name.firstTx)}-${number(name.lastTx)}-${digests}.wseg`;
}

export interface SegmentName {
  readonly firstTx: number;
  readonly lastTx: number;
  readonly digest: string;
  /** For a segment of merged commits: digest of the last segment whose place it takes. Null for one as it was archived. */
  readonly merged: string | null;
}

/** A segment as a listing shows it. */
export interface StoredSegment extends SegmentName {
  readonly sizeBytes: number;
  /** When it was stored; milliseconds since 1970 UTC. */
  readonly modifiedMs: number;
}

export function parseSegmentKey(key: string): (SegmentName & { epoch: string; databaseId: string }) | undefined {
  const match = /^db\/([^/]+)\/wal\/([^/]+)\/(\d{12})-(\d{12})-(?:([0-9a-f]{64})-)?([0-9a-f]{64})\.wseg$/.exec(key);
  if (match === null) return undefined;
  const [, databaseId = '', epoch = '', firstTx, lastTx, merged = null, digest = ''] = match;
  return { databaseId, epoch, firstTx: Number(firstTx), lastTx: Number(lastTx), merged, digest };
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function damaged(what: string): TradedbError {
  return new TradedbError('checksum_mismatch', `a segment of the WAL archive is damaged (${what})`);
}
