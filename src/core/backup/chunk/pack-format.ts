import { createHash } from 'node:crypto';
import { TradedbError } from '../../error.ts';
import { type CodecName, codecNames } from './codec.ts';

/**
 * Layout of a pack (docs/formats/repository.md):
 *
 *     "TDBPACK1"  salt[32]  chunk bytes ...  footer  footerLength:u32  sha256(footer)[32]  "TDBPEND1"
 *
 * The footer repeats magic and salt, lists every chunk with its digest, and covers the file without a gap; the pack is
 * named after the digest of the footer. So each byte of the file is covered by its name. Integers are little-endian.
 */

export const packHeaderBytes = 40;
export const packTrailerBytes = 44;
const saltBytes = 32;
const magic = Buffer.from('TDBPACK1', 'latin1');
const endMagic = Buffer.from('TDBPEND1', 'latin1');
const digestBytes = 32;

export interface ChunkEntry {
  /** Pages of the chunk in order: a run from `firstPage`, or a list. Page numbers count from 1. */
  readonly pages: { readonly firstPage: number; readonly count: number } | readonly number[];
  readonly offset: number;
  readonly storedBytes: number;
  readonly plainBytes: number;
  readonly codec: CodecName;
  readonly sha256Stored: Uint8Array;
  readonly sha256Plain: Uint8Array;
}

export interface PackFooter {
  readonly salt: Uint8Array;
  readonly chunks: readonly ChunkEntry[];
}

export function packHeader(salt: Uint8Array): Uint8Array {
  return Buffer.concat([magic, salt]);
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** Footer and trailer, with the digest that names the pack. */
export function encodeFooter(footer: PackFooter): { bytes: Uint8Array; name: string } {
  const parts: Uint8Array[] = [magic, footer.salt, uint32(footer.chunks.length)];
  for (const chunk of footer.chunks) parts.push(encodeEntry(chunk));
  const body = Buffer.concat(parts);
  const digest = sha256(body);
  return { bytes: Buffer.concat([body, uint32(body.length), digest, endMagic]), name: hex(digest) };
}

/** Length of the footer by the last `packTrailerBytes` bytes of a pack. */
export function footerBytesOf(trailer: Uint8Array, name: string): number {
  const bytes = Buffer.from(trailer);
  if (bytes.length !== packTrailerBytes || !bytes.subarray(36).equals(endMagic)) throw damaged('its end mark is wrong');
  if (bytes.subarray(4, 36).toString('hex') !== name) throw damaged('its name is not the digest of its footer');
  return bytes.readUInt32LE(0);
}

/** Reads a footer and checks it against the pack's name and size. */
export function decodeFooter(body: Uint8Array, name: string, packBytes: number): PackFooter {
  if (hex(sha256(body)) !== name) throw damaged('the digest of its footer differs from its name');
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!bytes.subarray(0, 8).equals(magic)) throw damaged('its format is unknown');
  const chunks: ChunkEntry[] = [];
  let position = 8 + saltBytes + 4;
  let offset = packHeaderBytes;
  for (let left = bytes.readUInt32LE(8 + saltBytes); left > 0; left--) {
    const { entry, next } = decodeEntry(bytes, position, offset);
    chunks.push(entry);
    position = next;
    offset += entry.storedBytes;
  }
  if (offset + body.length + packTrailerBytes !== packBytes) throw damaged('its size differs from its footer');
  return { salt: bytes.subarray(8, 8 + saltBytes), chunks };
}

/** Entry: form:u8 (0 run, 1 list) codec:u8 storedBytes:u32 plainBytes:u32 count:u32 pages sha256Stored sha256Plain. */
function encodeEntry(chunk: ChunkEntry): Uint8Array {
  const listed = isList(chunk.pages);
  const head = Buffer.alloc(14);
  head.writeUInt8(listed ? 1 : 0, 0);
  head.writeUInt8(codecNames.indexOf(chunk.codec), 1);
  head.writeUInt32LE(chunk.storedBytes, 2);
  head.writeUInt32LE(chunk.plainBytes, 6);
  head.writeUInt32LE(pageCountOf(chunk.pages), 10);
  const pages = isList(chunk.pages) ? chunk.pages : [chunk.pages.firstPage];
  return Buffer.concat([head, ...pages.map(uint32), chunk.sha256Stored, chunk.sha256Plain]);
}

function decodeEntry(bytes: Buffer, start: number, offset: number): { entry: ChunkEntry; next: number } {
  const listed = bytes.readUInt8(start) === 1;
  const codec = codecNames[bytes.readUInt8(start + 1)];
  if (codec === undefined) throw damaged('it uses an unknown codec');
  const count = bytes.readUInt32LE(start + 10);
  let position = start + 14;
  const numbers = Array.from({ length: listed ? count : 1 }, (_, index) => bytes.readUInt32LE(position + index * 4));
  position += numbers.length * 4;
  const entry: ChunkEntry = {
    pages: listed ? numbers : { firstPage: numbers[0] as number, count },
    offset,
    storedBytes: bytes.readUInt32LE(start + 2),
    plainBytes: bytes.readUInt32LE(start + 6),
    codec,
    sha256Stored: bytes.subarray(position, position + digestBytes),
    sha256Plain: bytes.subarray(position + digestBytes, position + 2 * digestBytes),
  };
  return { entry, next: position + 2 * digestBytes };
}

function isList(pages: ChunkEntry['pages']): pages is readonly number[] {
  return Array.isArray(pages);
}

export function pageCountOf(pages: ChunkEntry['pages']): number {
  return isList(pages) ? pages.length : pages.count;
}

/** Page number of the chunk's page at `index` (from 0). */
export function pageAt(pages: ChunkEntry['pages'], index: number): number {
  return isList(pages) ? (pages[index] as number) : pages.firstPage + index;
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function damaged(what: string): TradedbError {
  return new TradedbError('checksum_mismatch', `a pack is damaged: ${what}`);
}
