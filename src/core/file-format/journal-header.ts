import { uint32 } from './btree-page.ts';

/** Header of a rollback journal (fileformat2, section 3). */

export interface JournalHeader {
  /** Page records behind this header; undefined when it is "as many as fit" (0xffffffff). */
  readonly recordCount: number | undefined;
  readonly nonce: number;
  /** Pages of the database before the transaction. */
  readonly initialPageCount: number;
  readonly sectorSizeBytes: number;
  readonly pageSizeBytes: number;
}

export const journalHeaderSize = 28;

const magic = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/** Undefined for an ended journal (its magic is zeroed or the file is empty) and for what never was one. */
export function readJournalHeader(bytes: Uint8Array): JournalHeader | undefined {
  if (bytes.length < journalHeaderSize || magic.some((byte, index) => bytes[index] !== byte)) return undefined;
  const recordCount = uint32(bytes, 8);
  return {
    recordCount: recordCount === 0xffffffff ? undefined : recordCount,
    nonce: uint32(bytes, 12),
    initialPageCount: uint32(bytes, 16),
    sectorSizeBytes: uint32(bytes, 20),
    pageSizeBytes: uint32(bytes, 24),
  };
}

/** Checksum of a page image in the journal: the nonce plus every 200th byte, counted back from the end. */
export function journalPageChecksum(page: Uint8Array, nonce: number): number {
  let sum = nonce;
  for (let at = page.length - 200; at > 0; at -= 200) sum += page[at] as number;
  return sum >>> 0;
}
