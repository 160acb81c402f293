import { readVarint, varintLength } from './varint.ts';

/** Records of the SQLite file format (fileformat2, section 2.1). */

export type RecordValue = null | bigint | number | string | Uint8Array;

export type TextEncoding = 'utf-8' | 'utf-16le' | 'utf-16be';

/** Encoding of byte 56 of the database header. */
export function textEncoding(code: number): TextEncoding | undefined {
  return ([undefined, 'utf-8', 'utf-16le', 'utf-16be'] as const)[code];
}

const integerSizes = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0] as const;

/** Bytes of the body that a serial type takes; -1 for the types 10 and 11, which no file may have. */
export function serialSize(type: number): number {
  if (type < 10) return integerSizes[type] as number;
  return type < 12 ? -1 : Math.floor((type - 12) / 2);
}

/** Serial types of a record and where its body begins; undefined when the header makes no sense. */
export function readRecordHeader(payload: Uint8Array): { types: number[]; bodyAt: number } | undefined {
  const bodyAt = readVarint(payload, 0);
  let at = varintLength(payload, 0);
  if (!(bodyAt <= payload.length) || at === 0 || bodyAt < at) return undefined;
  const types: number[] = [];
  while (at < bodyAt) {
    const type = readVarint(payload, at);
    if (!(type >= 0 && type <= Number.MAX_SAFE_INTEGER) || serialSize(type) < 0) return undefined;
    types.push(type);
    at += varintLength(payload, at);
  }
  return at === bodyAt ? { types, bodyAt } : undefined;
}

/**
 * Values of a whole record. Integers are bigint, so that none is rounded. Undefined when the header is broken, when the
 * body is shorter or longer than the header says, and, with `exactText`, when a text is not valid in its encoding (it
 * would otherwise be read with replacement characters).
 */
export function readRecord(payload: Uint8Array, encoding: TextEncoding, exactText = false): RecordValue[] | undefined {
  const header = readRecordHeader(payload);
  if (header === undefined) return undefined;
  const values: RecordValue[] = [];
  let at = header.bodyAt;
  for (const type of header.types) {
    const size = serialSize(type);
    if (at + size > payload.length) return undefined;
    const value = readValue(payload.subarray(at, at + size), type, encoding, exactText);
    if (value === undefined) return undefined;
    values.push(value);
    at += size;
  }
  return at === payload.length ? values : undefined;
}

function readValue(
  bytes: Uint8Array,
  type: number,
  encoding: TextEncoding,
  exactText: boolean,
): RecordValue | undefined {
  if (type === 0) return null;
  if (type === 8) return 0n;
  if (type === 9) return 1n;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === 7) return view.getFloat64(0);
  if (type < 7) return readInteger(bytes);
  return type % 2 === 0 ? bytes.slice() : decodeText(bytes, encoding, exactText);
}

function readInteger(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}

function decodeText(bytes: Uint8Array, encoding: TextEncoding, exact: boolean): string | undefined {
  try {
    return new TextDecoder(encoding, { ignoreBOM: true, fatal: exact }).decode(bytes);
  } catch {
    return undefined;
  }
}
