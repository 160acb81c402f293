import { uint32 } from './btree-page.ts';
import { type JournalHeader, journalHeaderSize, journalPageChecksum, readJournalHeader } from './journal-header.ts';

/** Page images of a rollback journal (fileformat2, section 3): page number, image, checksum; in one or more segments. */

export interface JournalImages {
  /** Where the image of each page begins in the file: the first one of a page is its state before the transaction. */
  readonly imageAt: ReadonlyMap<number, number>;
  /** Records whose checksum holds. */
  readonly records: number;
  /** A record of a counted segment does not verify: what was behind it is not restored either. */
  readonly fault: string | undefined;
}

/** Follows the segments as SQLite's rollback does, up to the first record that does not verify. */
export function readJournalImages(
  read: (offset: number, length: number) => Uint8Array,
  first: JournalHeader,
  sizeBytes: number,
): JournalImages {
  const { pageSizeBytes: pageSize, sectorSizeBytes } = first;
  const sector = sectorSizeBytes >= 32 ? sectorSizeBytes : 512;
  const imageAt = new Map<number, number>();
  const recordBytes = pageSize + 8;
  let records = 0;
  let headerAt = 0;
  while (headerAt + journalHeaderSize <= sizeBytes) {
    const header = headerAt === 0 ? first : readJournalHeader(read(headerAt, journalHeaderSize));
    if (header === undefined) break;
    const fitting = Math.floor((sizeBytes - headerAt - sector) / recordBytes);
    // A count of zero: the header was never synced again, or everything up to the end counts (0xffffffff).
    const count = header.recordCount === undefined ? Math.max(0, fitting) : header.recordCount;
    let at = headerAt + sector;
    for (let index = 0; index < count; index++, at += recordBytes) {
      const record = read(at, recordBytes);
      const page = record.length < recordBytes ? 0 : uint32(record, 0);
      if (page === 0) return { imageAt, records, fault: `the journal ends within record ${index + 1}` };
      const image = record.subarray(4, 4 + pageSize);
      if (journalPageChecksum(image, header.nonce) !== uint32(record, 4 + pageSize)) {
        const fault = header.recordCount === undefined ? undefined : `record ${index + 1} of the journal is damaged`;
        return { imageAt, records, fault };
      }
      if (!imageAt.has(page)) imageAt.set(page, at + 4);
      records += 1;
    }
    if (count === 0) break;
    headerAt = Math.ceil(at / sector) * sector;
  }
  return { imageAt, records, fault: undefined };
}
