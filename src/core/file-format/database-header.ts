/** The first 100 bytes of an SQLite database (https://sqlite.org/fileformat2.html, section 1.3). */

export const databaseHeaderBytes = 100;

const magic = 'SQLite format 3\u0000';

/** Byte offset of the page that SQLite never uses, because other systems lock its bytes. */
const lockByteOffset = 0x4000_0000;

export interface DatabaseHeader {
  /** 512 to 65536, a power of two. */
  readonly pageSizeBytes: number;
  /** Value 2 in both means WAL, 1 rollback journal. */
  readonly writeVersion: number;
  readonly readVersion: number;
  readonly reservedBytes: number;
  readonly changeCounter: number;
  /** Pages by the header; trustworthy only when `pageCountValid`. */
  readonly pageCount: number;
  /** The writer that moved the change counter last also wrote the page count. */
  readonly pageCountValid: boolean;
  readonly firstFreelistTrunk: number;
  readonly freelistPages: number;
  readonly schemaCookie: number;
  readonly schemaFormat: number;
  /** Largest root page when auto_vacuum is on, otherwise 0. */
  readonly largestRootPage: number;
  readonly textEncoding: 'utf8' | 'utf16le' | 'utf16be' | 'unset';
  readonly userVersion: number;
  readonly incrementalVacuum: boolean;
  readonly applicationId: number;
  readonly versionValidFor: number;
  /** Such as 3054001 for SQLite 3.54.1. */
  readonly sqliteVersionNumber: number;
}

export type DatabaseHeaderProblem = 'short' | 'magic' | 'page-size' | 'payload-fractions' | 'versions';

const encodings = ['unset', 'utf8', 'utf16le', 'utf16be'] as const;

/** What makes the bytes no usable header, or undefined. */
export function databaseHeaderProblem(bytes: Uint8Array): DatabaseHeaderProblem | undefined {
  if (bytes.length < databaseHeaderBytes) return 'short';
  for (let index = 0; index < magic.length; index++) {
    if (bytes[index] !== magic.charCodeAt(index)) return 'magic';
  }
  if (pageSizeOf(viewOf(bytes).getUint16(16)) === undefined) return 'page-size';
  if (bytes[21] !== 64 || bytes[22] !== 32 || bytes[23] !== 32) return 'payload-fractions';
  const version = bytes[19] ?? 0;
  return version === 1 || version === 2 ? undefined : 'versions';
}

/** The header, or undefined when `databaseHeaderProblem` finds one. */
export function parseDatabaseHeader(bytes: Uint8Array): DatabaseHeader | undefined {
  if (databaseHeaderProblem(bytes) !== undefined) return undefined;
  const view = viewOf(bytes);
  const changeCounter = view.getUint32(24);
  const versionValidFor = view.getUint32(92);
  const pageCount = view.getUint32(28);
  return {
    pageSizeBytes: pageSizeOf(view.getUint16(16)) ?? 0,
    writeVersion: view.getUint8(18),
    readVersion: view.getUint8(19),
    reservedBytes: view.getUint8(20),
    changeCounter,
    pageCount,
    pageCountValid: changeCounter === versionValidFor && pageCount > 0,
    firstFreelistTrunk: view.getUint32(32),
    freelistPages: view.getUint32(36),
    schemaCookie: view.getUint32(40),
    schemaFormat: view.getUint32(44),
    largestRootPage: view.getUint32(52),
    textEncoding: encodings[view.getUint32(56)] ?? 'unset',
    userVersion: view.getInt32(60),
    incrementalVacuum: view.getUint32(64) !== 0,
    applicationId: view.getInt32(68),
    versionValidFor,
    sqliteVersionNumber: view.getUint32(96),
  };
}

/** Number (from 1) of the page that holds the lock bytes; a database without that many pages has none. */
export function lockBytePage(pageSizeBytes: number): number {
  return lockByteOffset / pageSizeBytes + 1;
}

/** The two-byte form of the header: 1 stands for 65536. */
function pageSizeOf(stored: number): number | undefined {
  const size = stored === 1 ? 65_536 : stored;
  return size >= 512 && size <= 65_536 && (size & (size - 1)) === 0 ? size : undefined;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
