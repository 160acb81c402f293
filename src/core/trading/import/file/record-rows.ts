import type { RowRange, Slice, SliceLimits, SourceKey, SourceRow } from '../source.ts';
import { longestRecord, type TextWindow } from './text-window.ts';

/** One record that a format found in the text. */
export interface FoundRecord {
  readonly row: SourceRow;
  /** Where the next one begins, in characters of the window. */
  readonly end: number;
  /** Line feeds within it, its own end included. */
  readonly lines: number;
}

/** Takes records out of text: lines, or what quotes bind together. */
export interface RecordFormat {
  /**
   * The record at `at`. Undefined when its end is not in the text: more of it is loaded and the question put again,
   * unless `isLast`. A blank line is no row: `row` is empty then.
   */
  next(text: string, at: number, where: { readonly line: number; readonly isLast: boolean }): FoundRecord | undefined;
}

/** Where a record stood: its bytes, the number of the line behind it, and its checksum. */
type Place = readonly [start: number, end: number, nextLine: number, checksum: string];

export interface RecordStart {
  readonly byte: number;
  readonly line: number;
}

/**
 * Records of a text file in order. The key of a record is where it stands, with a checksum of its bytes: when the file
 * was written anew, a later run begins at its start instead of in the middle of something else.
 */
export function recordRows(window: TextWindow, format: RecordFormat, start: RecordStart): RowRange {
  let own = '';
  return {
    count: () => window.lines(),
    read(after: SourceKey | undefined, limits: SliceLimits, visit: (row: SourceRow) => void): Slice {
      const place = after as Place | undefined;
      const isOwn = place !== undefined && own === `${place[1]} ${place[3]}`;
      const from = place === undefined ? start : isOwn ? behind(place) : resume(window, place, start);
      const slice = readRecords(window, format, { from, rows: limits.rows, visit });
      if (slice.last !== undefined) own = `${slice.last[1]} ${slice.last[3]}`;
      return slice;
    },
  };
}

const behind = ([, end, nextLine]: Place): RecordStart => ({ byte: end, line: nextLine });

function resume(window: TextWindow, [first, end, nextLine, checksum]: Place, start: RecordStart): RecordStart {
  if (window.checksum(first, end) !== checksum) return start;
  const width = window.bytesPerCharacter;
  const isFeed = (bytes: Buffer): boolean => bytes.includes(10) || bytes.includes(13);
  if (isFeed(window.bytes(end - width, end))) return { byte: end, line: nextLine };
  const behindIt = window.bytes(end, end + width);
  // The last line had no end: now it has one, or it has grown and is read once more as a whole.
  if (behindIt.length === 0 || isFeed(behindIt)) return { byte: end, line: nextLine - 1 };
  return { byte: first, line: nextLine - 1 };
}

interface Reading {
  readonly from: RecordStart;
  readonly rows: number;
  readonly visit: (row: SourceRow) => void;
}

function readRecords(window: TextWindow, format: RecordFormat, { from, rows, visit }: Reading): Slice {
  const width = window.bytesPerCharacter;
  let { line } = from;
  if (from.byte < window.from || from.byte > window.from + window.text.length * width) window.load(from.byte);
  let at = (from.byte - window.from) / width;
  let found = 0;
  let last: Place | undefined;
  let lastStart = 0;
  while (found < rows) {
    const isFull = (window.text.length - at) * width >= longestRecord;
    const record = format.next(window.text, at, { line, isLast: window.isLast || isFull });
    if (record === undefined) {
      if (window.isLast) break;
      const byte = window.from + at * width;
      const held = window.text.length - at;
      window.load(byte, Math.min(held * width * 2, longestRecord));
      at = 0;
      continue;
    }
    if (record.row.length > 0) {
      visit(record.row);
      found += 1;
      lastStart = window.from + at * width;
      last = [lastStart, window.from + record.end * width, line + record.lines, ''];
    }
    at = record.end;
    line += record.lines;
  }
  if (last === undefined) return { rows: 0, last: undefined, done: true };
  const key = [last[0], last[1], last[2], window.checksum(last[0], last[1])];
  return { rows: found, last: key, done: found < rows };
}
