import { createHash } from 'node:crypto';
import { TradedbError } from '../../error.ts';
import { fingerprintBytes } from '../../file-format/page-fingerprint.ts';
import { hex, sha256 } from './pack-format.ts';

/**
 * The `.pages` object of a restore point: the fingerprint of every page and the sha256 of every chunk of the database
 * as it was. Layout: "TDBPAGE1" version:u32 pageSize:u32 pageCount:u32 pagesPerChunk:u32 fingerprints chunk digests,
 * little-endian.
 */

export const pagesPerChunk = 256;
const magic = Buffer.from('TDBPAGE1', 'latin1');
const headerBytes = 24;
const digestBytes = 32;

export interface PageIndex {
  readonly pageSizeBytes: number;
  readonly pageCount: number;
  /** 12 bytes for every page. */
  readonly fingerprints: Uint8Array;
  /** 32 bytes for every chunk of 256 pages. */
  readonly chunkDigests: Uint8Array;
}

export function chunkCount(pageCount: number): number {
  return Math.ceil(pageCount / pagesPerChunk);
}

export function encodePageIndex(index: PageIndex): Uint8Array {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  for (const [slot, value] of [1, index.pageSizeBytes, index.pageCount, pagesPerChunk].entries()) {
    header.writeUInt32LE(value, 8 + slot * 4);
  }
  return Buffer.concat([header, index.fingerprints, index.chunkDigests]);
}

/** Reads the object and checks it against the digest in its name. */
export function decodePageIndex(bytes: Uint8Array, name: string): PageIndex {
  if (hex(sha256(bytes)) !== name) throw damaged('its digest differs from its name');
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!buffer.subarray(0, 8).equals(magic) || buffer.readUInt32LE(8) !== 1) throw damaged('its format is unknown');
  const pageCount = buffer.readUInt32LE(16);
  const chunksAt = headerBytes + pageCount * fingerprintBytes;
  const end = chunksAt + chunkCount(pageCount) * digestBytes;
  if (buffer.readUInt32LE(20) !== pagesPerChunk || end !== bytes.length) throw damaged('its size is wrong');
  return {
    pageSizeBytes: buffer.readUInt32LE(12),
    pageCount,
    fingerprints: bytes.subarray(headerBytes, chunksAt),
    chunkDigests: bytes.subarray(chunksAt, end),
  };
}

/** Digest of a database state: sha256 over page size, page count and all fingerprints. */
export function stateDigest(index: Pick<PageIndex, 'pageSizeBytes' | 'pageCount' | 'fingerprints'>): string {
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32LE(index.pageSizeBytes, 0);
  sizes.writeUInt32LE(index.pageCount, 4);
  return createHash('sha256').update(sizes).update(index.fingerprints).digest('hex');
}

function damaged(what: string): TradedbError {
  return new TradedbError('checksum_mismatch', `a page index is damaged: ${what}`);
}
