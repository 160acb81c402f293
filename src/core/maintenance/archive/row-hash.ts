import { type ExactRow, RawText } from '../retention/row.ts';

/** Storage classes as they are encoded. */
const tags = { integer: 1, real: 2, text: 3, blob: 4, rawText: 5 } as const;

const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;
const seeds = [0x5f3759df, 0x2545f491] as const;

/**
 * Turns rows into bytes that are equal exactly when all values are, and hashes them. A value is a 32-bit tag, then
 * nothing (NULL), eight bytes little endian (INTEGER, REAL), or a 32-bit length and the bytes padded with zeros to four
 * (TEXT in UTF-8, BLOB, raw text). One buffer serves all rows: a result is valid until the next row.
 */
export class RowEncoder {
  /** Where the INTEGER of each column begins in the bytes of the row that was encoded last; -1 for other values. */
  readonly integers: number[] = [];
  #bytes = Buffer.alloc(4096);
  #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset);
  #words = wordsOf(this.#bytes);
  #length = 0;

  /** The bytes of a row; copy them to keep them. */
  encode(row: ExactRow): Uint8Array {
    const { integers } = this;
    let at = 0;
    for (let index = 0; index < row.length; index += 1) {
      const value = row[index];
      integers[index] = typeof value === 'bigint' ? at + 4 : -1;
      if (typeof value === 'bigint') {
        this.#reserve(at + 12);
        this.#view.setInt32(at, tags.integer, true);
        this.#view.setBigInt64(at + 4, value, true);
        at += 12;
      } else if (typeof value === 'string') {
        at = this.#text(at, value);
      } else if (typeof value === 'number') {
        this.#reserve(at + 12);
        this.#view.setInt32(at, tags.real, true);
        this.#view.setFloat64(at + 4, value, true);
        at += 12;
      } else if (value instanceof Uint8Array) {
        at = this.#blob(at, tags.blob, value);
      } else if (value instanceof RawText) {
        at = this.#blob(at, tags.rawText, value.bytes);
      } else {
        this.#reserve(at + 4);
        this.#view.setInt32(at, 0, true);
        at += 4;
      }
    }
    this.#length = at;
    return this.#bytes.subarray(0, at);
  }

  #text(at: number, value: string): number {
    // A UTF-16 unit never takes more than three bytes.
    this.#reserve(at + 12 + value.length * 3);
    const length = this.#bytes.write(value, at + 8);
    this.#view.setInt32(at, tags.text, true);
    this.#view.setUint32(at + 4, length, true);
    return this.#pad(at + 8 + length);
  }

  #blob(at: number, tag: number, value: Uint8Array): number {
    this.#reserve(at + 12 + value.length);
    this.#view.setInt32(at, tag, true);
    this.#view.setUint32(at + 4, value.length, true);
    this.#bytes.set(value, at + 8);
    return this.#pad(at + 8 + value.length);
  }

  #pad(end: number): number {
    const padded = (end + 3) & ~3;
    for (let at = end; at < padded; at += 1) this.#bytes[at] = 0;
    return padded;
  }

  /** The lower half of the integer at a place of `integers`, unsigned. */
  lowAt(place: number): number {
    return (this.#words[place >> 2] as number) >>> 0;
  }

  /** The upper half, with its sign. */
  highAt(place: number): number {
    return this.#words[(place >> 2) + 1] as number;
  }

  /** Two 32-bit MurmurHash3 of the row that was encoded last, with different seeds, as unsigned numbers. */
  hash(into: { high: number; low: number }): void {
    const words = this.#words;
    const count = this.#length >> 2;
    let high: number = seeds[0];
    let low: number = seeds[1];
    for (let index = 0; index < count; index += 1) {
      let k = Math.imul(words[index] as number, c1);
      k = Math.imul((k << 15) | (k >>> 17), c2);
      high ^= k;
      high = (Math.imul((high << 13) | (high >>> 19), 5) + 0xe6546b64) | 0;
      low ^= k;
      low = (Math.imul((low << 13) | (low >>> 19), 5) + 0xe6546b64) | 0;
    }
    into.high = finish(high ^ this.#length);
    into.low = finish(low ^ this.#length);
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const larger = Buffer.alloc(2 ** Math.ceil(Math.log2(length)));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer, larger.byteOffset);
    this.#words = wordsOf(larger);
  }
}

function wordsOf(bytes: Buffer): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
}

function finish(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
