/**
 * The checksum of WAL frames and of the wal-index (https://sqlite.org/fileformat2.html, section 4.2): a pair of 32-bit
 * sums over pairs of 32-bit words. The order of the bytes in a word is chosen by whoever created the WAL.
 */

export type ChecksumOrder = 'little' | 'big';

const hostIsLittle = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** Running state of a checksum; a chain is made by going on with the same object. */
export class WalChecksum {
  /** Unsigned 32-bit words. */
  first: number;
  second: number;
  readonly #order: ChecksumOrder;

  constructor(order: ChecksumOrder, first = 0, second = 0) {
    this.#order = order;
    this.first = first;
    this.second = second;
  }

  /** Takes in `length` bytes (a multiple of 8) from `offset`. */
  update(bytes: Uint8Array, offset = 0, length = bytes.length - offset): this {
    const start = bytes.byteOffset + offset;
    if (hostIsLittle && this.#order === 'little' && start % 4 === 0) {
      this.#words(new Uint32Array(bytes.buffer, start, length / 4));
    } else {
      this.#view(new DataView(bytes.buffer, start, length));
    }
    return this;
  }

  #words(words: Uint32Array): void {
    let first = this.first | 0;
    let second = this.second | 0;
    for (let index = 0; index < words.length; index += 2) {
      first = (first + (words[index] as number) + second) | 0;
      second = (second + (words[index + 1] as number) + first) | 0;
    }
    this.first = first >>> 0;
    this.second = second >>> 0;
  }

  #view(view: DataView): void {
    const little = this.#order === 'little';
    let first = this.first | 0;
    let second = this.second | 0;
    for (let offset = 0; offset < view.byteLength; offset += 8) {
      first = (first + view.getUint32(offset, little) + second) | 0;
      second = (second + view.getUint32(offset + 4, little) + first) | 0;
    }
    this.first = first >>> 0;
    this.second = second >>> 0;
  }
}
