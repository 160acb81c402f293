/** Variable-length integers of the SQLite file format: 1 to 9 bytes, high bits first, the ninth byte whole. */

/** Bytes of the varint at `offset`, or 0 when the buffer ends before it does. */
export function varintLength(bytes: Uint8Array, offset: number): number {
  for (let length = 1; length <= 9; length++) {
    const byte = bytes[offset + length - 1];
    if (byte === undefined) return 0;
    if (byte < 0x80 || length === 9) return length;
  }
  return 0;
}

/**
 * Value of the varint at `offset` as a number, for lengths and serial types. Values of 2^53 and more, which no valid
 * length has, come back as Infinity. NaN when the buffer ends inside it.
 */
export function readVarint(bytes: Uint8Array, offset: number): number {
  const first = bytes[offset];
  if (first === undefined) return Number.NaN;
  if (first < 0x80) return first;
  const length = varintLength(bytes, offset);
  if (length === 0) return Number.NaN;
  if (length === 9) return Number.POSITIVE_INFINITY;
  let value = 0;
  for (let index = 0; index < length; index++) value = value * 128 + ((bytes[offset + index] as number) & 0x7f);
  return value <= Number.MAX_SAFE_INTEGER ? value : Number.POSITIVE_INFINITY;
}

/** Value of the varint at `offset` as the signed 64-bit integer it stands for, for rowids; undefined when cut off. */
export function readRowid(bytes: Uint8Array, offset: number): bigint | undefined {
  const length = varintLength(bytes, offset);
  if (length === 0) return undefined;
  let value = 0n;
  for (let index = 0; index < length; index++) {
    const byte = BigInt(bytes[offset + index] as number);
    value = index === 8 ? (value << 8n) | byte : (value << 7n) | (byte & 0x7fn);
  }
  return BigInt.asIntN(64, value);
}
