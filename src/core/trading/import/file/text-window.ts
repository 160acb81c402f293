import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { TradedbError } from '../../../error.ts';

const smallest = 1 << 20;
const lineFeed = 10;
/** No line of trading data is longer; beyond it memory would be the file's to take. */
export const longestRecord = 1 << 24;

/** How characters lie in the bytes: one each (also of what will be decoded later, by field), or two each. */
export type CharacterWidth = 'single' | 'utf-16le' | 'utf-16be';

/**
 * A piece of a text file in memory, in which a reader looks for the ends of records. Characters are counted in bytes
 * of the file through `width`; of a multi-byte encoding that keeps ASCII each byte is one character here.
 */
export class TextWindow {
  readonly path: string;
  text = '';
  /** Byte of the file at which `text` begins. */
  from = 0;
  /** The text goes to the end of the file. */
  isLast = false;
  readonly #width: CharacterWidth;
  readonly #file: number;
  #lines: number | undefined;

  /** Throws `file_not_found`, `permission_denied` or `io_error`. */
  constructor(path: string, width: CharacterWidth) {
    this.path = path;
    this.#width = width;
    this.#file = openText(path);
  }

  get bytesPerCharacter(): number {
    return this.#width === 'single' ? 1 : 2;
  }

  /** Brings the text from byte `from` on into memory, at least `atLeast` bytes of it where the file has them. */
  load(from: number, atLeast = smallest): void {
    const bytes = this.bytes(from, from + Math.max(atLeast, smallest));
    const size = fstatSync(this.#file).size;
    this.from = from;
    this.isLast = from + bytes.length >= size;
    const whole = this.#width === 'single' ? bytes : bytes.subarray(0, bytes.length & ~1);
    if (this.#width === 'single') this.text = whole.toString('latin1');
    else this.text = (this.#width === 'utf-16le' ? whole : Buffer.from(whole).swap16()).toString('utf16le');
  }

  /** Bytes of the file; fewer at its end. */
  bytes(from: number, to: number): Buffer {
    const buffer = Buffer.allocUnsafe(Math.max(to - from, 0));
    let length = 0;
    while (length < buffer.length) {
      const read = readSync(this.#file, buffer, length, buffer.length - length, from + length);
      if (read === 0) break;
      length += read;
    }
    return buffer.subarray(0, length);
  }

  /** A short name of what stands there, to see later whether it still does. */
  checksum(from: number, to: number): string {
    return createHash('sha256').update(this.bytes(from, to)).digest('hex').slice(0, 16);
  }

  /** Line feeds of the file, about as many as it has records; counted once. */
  lines(): number {
    if (this.#lines !== undefined) return this.#lines;
    let found = 0;
    const { size } = fstatSync(this.#file);
    for (let from = 0; from < size; from += smallest) {
      const bytes = this.bytes(from, Math.min(from + smallest, size));
      for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) found += 1;
    }
    this.#lines = found;
    return found;
  }

  close(): void {
    closeSync(this.#file);
  }
}

function openText(path: string): number {
  try {
    const file = openSync(path, 'r');
    if (fstatSync(file).isFile()) return file;
    closeSync(file);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new TradedbError(
      missing ? 'file_not_found' : code === 'EACCES' ? 'permission_denied' : 'io_error',
      missing ? `there is no file ${JSON.stringify(path)}` : `${JSON.stringify(path)} cannot be read`,
      { cause },
    );
  }
  throw new TradedbError('usage', `${JSON.stringify(path)} is no file`);
}
