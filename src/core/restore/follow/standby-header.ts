/**
 * The first page of a standby. It is kept in rollback-journal form, so that others may read it while batches are
 * applied, and every batch moves the change counter, so that readers drop what they have cached.
 */

/** Bytes of the first page that differ between the original and the standby: offset and length. */
const parts = [
  [18, 2],
  [24, 4],
  [92, 4],
] as const;

/** What the original has there, as hexadecimal text. */
export function originalHeader(page: Uint8Array): string {
  return Buffer.concat(parts.map(([offset, length]) => page.subarray(offset, offset + length))).toString('hex');
}

/** Puts the bytes of the original back. */
export function restoreHeader(page: Uint8Array, original: string): void {
  const bytes = Buffer.from(original, 'hex');
  let at = 0;
  for (const [offset, length] of parts) {
    page.set(bytes.subarray(at, at + length), offset);
    at += length;
  }
}

/** Makes the first page one of a standby with this change counter. */
export function markStandby(page: Uint8Array, counter: number): void {
  const view = Buffer.from(page.buffer, page.byteOffset, page.byteLength);
  view.writeUInt8(1, 18);
  view.writeUInt8(1, 19);
  view.writeUInt32BE(counter, 24);
  view.writeUInt32BE(counter, 92);
}

/** The change counter of a standby; undefined when the page is of no rollback-journal database. */
export function standbyCounter(page: Uint8Array): number | undefined {
  if (page.length < 100 || page[18] !== 1 || page[19] !== 1) return undefined;
  return Buffer.from(page.buffer, page.byteOffset, page.byteLength).readUInt32BE(24);
}
