/**
 * A rollback journal as SQLite writes it (https://sqlite.org/fileformat2.html, section 3): whoever opens the database
 * after a crash puts these pages back, so that nobody ever reads a half-applied batch.
 */

const magic = Buffer.from('d9d505f920a163d7', 'hex');
const sectorBytes = 512;

export interface JournalHeader {
  readonly records: number;
  /** Start of every checksum; differs between journals. */
  readonly nonce: number;
  /** Size of the database before the batch: what lies behind is cut off. */
  readonly pagesBefore: number;
  readonly pageSizeBytes: number;
}

/** The first sector. */
export function encodeJournalHeader(header: JournalHeader): Uint8Array {
  const sector = Buffer.alloc(sectorBytes);
  magic.copy(sector);
  for (const [slot, value] of [
    header.records,
    header.nonce,
    header.pagesBefore,
    sectorBytes,
    header.pageSizeBytes,
  ].entries()) {
    sector.writeUInt32BE(value, 8 + slot * 4);
  }
  return sector;
}

/** One page as it was: its number, its bytes, and the sum that SQLite checks. */
export function encodeJournalRecord(page: number, bytes: Uint8Array, nonce: number): Uint8Array {
  const record = Buffer.alloc(bytes.length + 8);
  record.writeUInt32BE(page, 0);
  record.set(bytes, 4);
  let sum = nonce;
  for (let offset = bytes.length - 200; offset > 0; offset -= 200) sum = (sum + (bytes[offset] as number)) >>> 0;
  record.writeUInt32BE(sum, bytes.length + 4);
  return record;
}
