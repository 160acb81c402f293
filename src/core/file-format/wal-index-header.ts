import { WalChecksum } from './wal-checksum.ts';

/**
 * The start of a `-shm` file (https://sqlite.org/walformat.html, section 2): two copies of the index header and the
 * checkpoint information. Integers are in the byte order of the host; the salts are the raw bytes of the WAL header.
 */

/** Both header copies and the checkpoint information. */
export const walIndexHeaderBytes = 136;

const copyBytes = 48;
const knownVersion = 3_007_000;
const hostIsLittle = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** The slot of `readMarks` that holds no reader. */
export const unusedReadMark = 0xffff_ffff;

export interface WalIndexHeader {
  readonly pageSizeBytes: number;
  /** Moves with every commit. */
  readonly changeCounter: number;
  readonly checksumOrder: 'little' | 'big';
  /** Last frame of the newest commit; 0: the whole state is in the database file. */
  readonly maxFrame: number;
  /** Size of the database in pages after that commit; 0 when the WAL is empty. */
  readonly pageCount: number;
  /** Running checksum of that frame. */
  readonly frameChecksum1: number;
  readonly frameChecksum2: number;
  readonly salt1: number;
  readonly salt2: number;
  /** Frames that checkpoints have copied into the database file. */
  readonly backfilledFrames: number;
  /** Frames that a checkpoint has begun to copy. */
  readonly backfillAttemptedFrames: number;
  /** Five slots; slot 0 is always 0, `unusedReadMark` marks a free one. A slot says nothing about a live reader. */
  readonly readMarks: readonly number[];
}

/**
 * The header, or undefined while it is not usable: too short, not initialised, its two copies differ (a commit is
 * being made: read again) or the checksum is wrong.
 */
export function parseWalIndexHeader(bytes: Uint8Array): WalIndexHeader | undefined {
  if (bytes.length < walIndexHeaderBytes) return undefined;
  for (let index = 0; index < copyBytes; index++) {
    if (bytes[index] !== bytes[copyBytes + index]) return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (offset: number): number => view.getUint32(offset, hostIsLittle);
  if (word(0) !== knownVersion || view.getUint8(12) === 0) return undefined;
  const sum = new WalChecksum(hostIsLittle ? 'little' : 'big').update(bytes, 0, 40);
  if (sum.first !== word(40) || sum.second !== word(44)) return undefined;
  const storedPageSize = view.getUint16(14, hostIsLittle);
  return {
    pageSizeBytes: (storedPageSize & 0xfe00) + ((storedPageSize & 1) << 16),
    changeCounter: word(8),
    checksumOrder: view.getUint8(13) === 0 ? 'little' : 'big',
    maxFrame: word(16),
    pageCount: word(20),
    frameChecksum1: word(24),
    frameChecksum2: word(28),
    salt1: view.getUint32(32),
    salt2: view.getUint32(36),
    backfilledFrames: word(96),
    backfillAttemptedFrames: word(128),
    readMarks: [100, 104, 108, 112, 116].map(word),
  };
}
