import { createHash } from 'node:crypto';
import { TradedbError } from '../../error.ts';
import { fingerprintBytes, sameFingerprint } from '../../file-format/page-fingerprint.ts';
import { hex, sha256 } from './pack-format.ts';

/**
 * The `.pages` object of a restore point: the fingerprint of every page and the sha256 of every chunk of the database
 * as it was. Little-endian; "TDBPAGE1" version:u32 pageSize:u32 pageCount:u32 pagesPerChunk:u32, and then
 * version 1 (whole): fingerprints, chunk digests;
 * version 2 (what differs from the parent point): pages:u32 chunks:u32 page numbers, fingerprints, chunk numbers, digests.
 * A chunk digest of zeros is not known: the chunk was changed through archived commits and never read as a whole.
 * 32 random bytes may follow, so that the name of the object does not tell what is in it.
 */

export const pagesPerChunk = 256;
const magic = Buffer.from('TDBPAGE1', 'latin1');
const headerBytes = 24;
const digestBytes = 32;
const saltBytes = 32;
const whole = 1;
const difference = 2;

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

/** The object of a state; with the state of the parent point only what differs, when that is smaller. */
export function encodePageIndex(index: PageIndex, parent?: PageIndex): Uint8Array {
  const full = (): Uint8Array => Buffer.concat([header(whole, index), index.fingerprints, index.chunkDigests]);
  if (parent === undefined || parent.pageSizeBytes !== index.pageSizeBytes) return full();
  const pages = changed(index.pageCount, parent.pageCount, (slot) =>
    sameFingerprint(parent.fingerprints, slot, index.fingerprints, slot),
  );
  const chunks = changed(chunkCount(index.pageCount), chunkCount(parent.pageCount), (slot) =>
    sameDigest(parent.chunkDigests, index.chunkDigests, slot),
  );
  const size = pages.length * (4 + fingerprintBytes) + chunks.length * (4 + digestBytes);
  if (size > index.fingerprints.length / 2) return full();
  return Buffer.concat([
    header(difference, index),
    numbers([pages.length, chunks.length]),
    numbers(pages),
    ...pages.map((slot) => part(index.fingerprints, slot, fingerprintBytes)),
    numbers(chunks),
    ...chunks.map((slot) => part(index.chunkDigests, slot, digestBytes)),
  ]);
}

/** Whether an object holds only what differs from the one of the parent point. */
export function needsParent(bytes: Uint8Array): boolean {
  return bytes.length >= headerBytes && viewOf(bytes).readUInt32LE(8) === difference;
}

/** Reads the object and checks it against the digest in its name. */
export function decodePageIndex(bytes: Uint8Array, name: string, parent?: PageIndex): PageIndex {
  if (hex(sha256(bytes)) !== name) throw damaged('its digest differs from its name');
  const buffer = viewOf(bytes);
  if (buffer.length < headerBytes || !buffer.subarray(0, 8).equals(magic)) throw damaged('its format is unknown');
  if (buffer.readUInt32LE(20) !== pagesPerChunk) throw damaged('its size is wrong');
  const pageSizeBytes = buffer.readUInt32LE(12);
  const pageCount = buffer.readUInt32LE(16);
  const version = buffer.readUInt32LE(8);
  if (version === difference && parent !== undefined) {
    const index = copyOf(parent, pageCount);
    applyDifference(buffer, index);
    return index;
  }
  if (version !== whole) throw damaged('its format is unknown');
  const chunksAt = headerBytes + pageCount * fingerprintBytes;
  const end = chunksAt + chunkCount(pageCount) * digestBytes;
  requireEnd(bytes, end);
  return {
    pageSizeBytes,
    pageCount,
    fingerprints: bytes.subarray(headerBytes, chunksAt),
    chunkDigests: bytes.subarray(chunksAt, end),
  };
}

/** A copy that can be changed, cut or extended to another number of pages. */
export function copyOf(index: PageIndex, pageCount: number): PageIndex {
  const sized = (bytes: Uint8Array, length: number): Uint8Array => {
    const copy = new Uint8Array(length);
    copy.set(bytes.subarray(0, Math.min(bytes.length, length)));
    return copy;
  };
  return {
    pageSizeBytes: index.pageSizeBytes,
    pageCount,
    fingerprints: sized(index.fingerprints, pageCount * fingerprintBytes),
    chunkDigests: sized(index.chunkDigests, chunkCount(pageCount) * digestBytes),
  };
}

function applyDifference(buffer: Buffer, index: PageIndex): void {
  const pages = buffer.readUInt32LE(headerBytes);
  const chunks = buffer.readUInt32LE(headerBytes + 4);
  const end = headerBytes + 8 + pages * (4 + fingerprintBytes) + chunks * (4 + digestBytes);
  requireEnd(buffer, end);
  let at = headerBytes + 8;
  const take = (count: number, width: number, target: Uint8Array): void => {
    const values = at + count * 4;
    for (let slot = 0; slot < count; slot++) {
      const to = buffer.readUInt32LE(at + slot * 4) * width;
      if (to + width > target.length) throw damaged('it names a page that is not there');
      target.set(buffer.subarray(values + slot * width, values + (slot + 1) * width), to);
    }
    at = values + count * width;
  };
  take(pages, fingerprintBytes, index.fingerprints);
  take(chunks, digestBytes, index.chunkDigests);
}

/** The end of what is known, and perhaps a salt. */
function requireEnd(bytes: Uint8Array, end: number): void {
  if (bytes.length !== end && bytes.length !== end + saltBytes) throw damaged('its size is wrong');
}

function header(version: number, index: PageIndex): Uint8Array {
  return Buffer.concat([magic, numbers([version, index.pageSizeBytes, index.pageCount, pagesPerChunk])]);
}

/** Slots of the newer list that are new or differ. */
function changed(count: number, before: number, same: (slot: number) => boolean): number[] {
  const slots: number[] = [];
  for (let slot = 0; slot < count; slot++) if (slot >= before || !same(slot)) slots.push(slot);
  return slots;
}

function sameDigest(a: Uint8Array, b: Uint8Array, slot: number): boolean {
  return Buffer.compare(part(a, slot, digestBytes), part(b, slot, digestBytes)) === 0;
}

function part(bytes: Uint8Array, slot: number, width: number): Uint8Array {
  return bytes.subarray(slot * width, (slot + 1) * width);
}

function numbers(values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [slot, value] of values.entries()) bytes.writeUInt32LE(value, slot * 4);
  return bytes;
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
