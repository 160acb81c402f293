import { crc32 } from 'node:zlib';
import { WalChecksum } from './wal-checksum.ts';

/**
 * Fingerprint of a page: crc32 and the two words of SQLite's WAL checksum over the page, 12 bytes, little-endian. It
 * tells changed pages from unchanged ones and finds damage; it is no protection against somebody who wants a collision
 * (the chunks carry sha256 for that).
 */

export const fingerprintBytes = 12;

/** Writes the fingerprints of the pages in `bytes` (whole pages) into `target` from `offset`. */
export function writeFingerprints(bytes: Uint8Array, pageSizeBytes: number, target: Uint8Array, offset = 0): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  let position = offset;
  for (let start = 0; start < bytes.length; start += pageSizeBytes) {
    const page = bytes.subarray(start, start + pageSizeBytes);
    const sum = new WalChecksum('little').update(page);
    view.setUint32(position, crc32(page), true);
    view.setUint32(position + 4, sum.first, true);
    view.setUint32(position + 8, sum.second, true);
    position += fingerprintBytes;
  }
}

/** Fingerprints of whole pages, one after the other. */
export function fingerprintsOf(bytes: Uint8Array, pageSizeBytes: number): Uint8Array {
  const target = new Uint8Array((bytes.length / pageSizeBytes) * fingerprintBytes);
  writeFingerprints(bytes, pageSizeBytes, target);
  return target;
}

/** Compares the fingerprint at `indexA` of one table with that at `indexB` of another (indexes count pages from 0). */
export function sameFingerprint(a: Uint8Array, indexA: number, b: Uint8Array, indexB: number): boolean {
  const startA = indexA * fingerprintBytes;
  const startB = indexB * fingerprintBytes;
  for (let byte = 0; byte < fingerprintBytes; byte++) {
    if (a[startA + byte] !== b[startB + byte]) return false;
  }
  return true;
}
