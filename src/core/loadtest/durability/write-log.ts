import { CounterDraw } from '../stream/draw.ts';

/** The log of `write-log.c`, and what a power loss at any point of it may leave behind. Pure: bytes in, bytes out. */

export type LogFile = 'database' | 'wal';

export type LogRecord =
  | { readonly operation: 'write'; readonly file: LogFile; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly operation: 'truncate'; readonly file: LogFile; readonly offset: number }
  | { readonly operation: 'sync'; readonly file: LogFile }
  | { readonly operation: 'acknowledgement'; readonly text: string };

const headBytes = 32;

/** Reads a log; a record that was cut off by the end of the writer ends it. */
export function parseWriteLog(bytes: Uint8Array): LogRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: LogRecord[] = [];
  for (let at = 0; at + headBytes <= bytes.length; ) {
    const word = (index: number): number => Number(view.getBigUint64(at + 8 * index, true));
    const [operation, file, offset, length] = [word(0), word(1), word(2), word(3)];
    const end = at + headBytes + length;
    if (end > bytes.length) break;
    const name: LogFile = file === 2 ? 'wal' : 'database';
    const payload = bytes.subarray(at + headBytes, end);
    if (operation === 1) records.push({ operation: 'write', file: name, offset, bytes: payload });
    else if (operation === 2) records.push({ operation: 'truncate', file: name, offset });
    else if (operation === 3) records.push({ operation: 'sync', file: name });
    else if (operation === 9) records.push({ operation: 'acknowledgement', text: new TextDecoder().decode(payload) });
    else break;
    at = end;
  }
  return records;
}

/** A file that grows as it is written. */
class Image {
  #bytes: Uint8Array;
  #size: number;

  constructor(start: Uint8Array) {
    // A copy: the slice of a Buffer would share its bytes.
    this.#bytes = new Uint8Array(start);
    this.#size = start.length;
  }

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, offset);
    this.#size = Math.max(this.#size, end);
  }

  truncate(size: number): void {
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    else if (size > this.#bytes.length) this.write(size - 1, new Uint8Array(1));
    this.#size = size;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }
}

export interface PowerCut {
  readonly database: Uint8Array;
  readonly wal: Uint8Array;
  /** Highest acknowledged transaction before the cut. */
  readonly told: number;
  /** Highest acknowledged before the last sync of the WAL. */
  readonly syncedTold: number;
}

/** How much of what was not synced survives, by cut in rotation. */
const survivals = [0, 0.5, 0.75] as const;
/** A disk writes sectors of this size whole; a page may be torn between them. */
const sectorBytes = 512;
const tornShare = 0.2;

/** The files as a loss of power right behind record `cut` - 1 may leave them. */
export function powerCut(
  base: Uint8Array,
  records: readonly LogRecord[],
  cut: number,
  options: { readonly seed: number; readonly number: number },
): PowerCut {
  const draw = new CounterDraw(options.seed, 8).start(options.number);
  const keep = survivals[options.number % survivals.length] ?? 0;
  const images = { database: new Image(base), wal: new Image(new Uint8Array()) };
  const lastSync = { database: -1, wal: -1 };
  let told = 0;
  let syncedTold = 0;
  for (let index = 0; index < cut; index++) {
    const record = records[index];
    if (record?.operation === 'sync') {
      lastSync[record.file] = index;
      if (record.file === 'wal') syncedTold = told;
    }
    if (record?.operation === 'acknowledgement') told = Math.max(told, acknowledgedNumber(record.text));
  }
  for (let index = 0; index < cut; index++) {
    const record = records[index];
    if (record === undefined || record.operation === 'acknowledgement' || record.operation === 'sync') continue;
    const isSynced = index <= lastSync[record.file];
    if (!isSynced && draw.uniform() >= keep) continue;
    if (record.operation === 'truncate') images[record.file].truncate(record.offset);
    else {
      const torn = !isSynced && record.bytes.length > sectorBytes && draw.uniform() < tornShare;
      images[record.file].write(record.offset, torn ? record.bytes.subarray(0, sectorBytes) : record.bytes);
    }
  }
  return { database: images.database.bytes, wal: images.wal.bytes, told, syncedTold };
}

/** The number of a whole acknowledgement line; an incomplete one does not count. */
export function acknowledgedNumber(text: string): number {
  const numbers = [...text.matchAll(/(\d+)(?: \d+)?\n/g)].map((match) => Number(match[1]));
  return Math.max(0, ...numbers);
}
