import { type ChecksumOrder, WalChecksum } from './wal-checksum.ts';

/** The 32 bytes at the start of a `-wal` file (https://sqlite.org/fileformat2.html, section 4.1). */

export const walHeaderBytes = 32;

const magicLittle = 0x377f_0682;
const magicBig = 0x377f_0683;
const knownVersion = 3_007_000;

export interface WalHeader {
  readonly checksumOrder: ChecksumOrder;
  readonly pageSizeBytes: number;
  /** Counts the checkpoints that restarted the WAL; a hint for people, no proof of anything. */
  readonly checkpointSequence: number;
  /** Together they name one generation of the WAL: frames of another one are leftovers. */
  readonly salt1: number;
  readonly salt2: number;
  /** Checksum of bytes 0 to 23: the seed of the chain over the frames. */
  readonly checksum1: number;
  readonly checksum2: number;
}

/** The header, or undefined when the bytes are none (too short, wrong magic, wrong checksum: SQLite ignores such a WAL). */
export function parseWalHeader(bytes: Uint8Array): WalHeader | undefined {
  if (bytes.length < walHeaderBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  if (magic !== magicLittle && magic !== magicBig) return undefined;
  const pageSizeBytes = view.getUint32(8);
  const validSize = pageSizeBytes >= 512 && pageSizeBytes <= 65_536 && (pageSizeBytes & (pageSizeBytes - 1)) === 0;
  if (view.getUint32(4) !== knownVersion || !validSize) return undefined;
  const checksumOrder = magic === magicBig ? 'big' : 'little';
  const sum = new WalChecksum(checksumOrder).update(bytes, 0, 24);
  if (sum.first !== view.getUint32(24) || sum.second !== view.getUint32(28)) return undefined;
  return {
    checksumOrder,
    pageSizeBytes,
    checkpointSequence: view.getUint32(12),
    salt1: view.getUint32(16),
    salt2: view.getUint32(20),
    checksum1: sum.first,
    checksum2: sum.second,
  };
}

/** True when both headers name the same generation of the same WAL. */
export function sameGeneration(a: Pick<WalHeader, 'salt1' | 'salt2'>, b: Pick<WalHeader, 'salt1' | 'salt2'>): boolean {
  return a.salt1 === b.salt1 && a.salt2 === b.salt2;
}
