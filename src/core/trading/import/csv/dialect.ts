import { TradedbError } from '../../../error.ts';
import type { CsvDialect } from '../../mapping/mapping.ts';
import type { RecordStart } from '../file/record-rows.ts';
import { type CharacterWidth, TextWindow } from '../file/text-window.ts';
import { type CsvShape, CsvTokenizer } from './tokenizer.ts';

/** A CSV file whose form is known, and its first line read. */
export interface OpenedCsv {
  readonly window: TextWindow;
  readonly shape: CsvShape;
  readonly header: readonly string[];
  /** Of the first row. */
  readonly start: RecordStart;
}

const delimiters = [',', ';', '\t', '|'];
/** Second bytes of their characters can be letters and bars, but never a comma, a semicolon, a tab or a quote. */
const doubleByte: ReadonlySet<string> = new Set(['gbk', 'shift_jis', 'euc-kr']);

/** Finds out encoding, delimiter and header where the mapping does not tell them. */
export function openCsv(path: string, told: CsvDialect = {}): OpenedCsv {
  const single = new TextWindow(path, 'single');
  const start = single.bytes(0, 3);
  const encoding = told.encoding ?? encodingOf(start);
  const width: CharacterWidth = encoding === 'utf-16le' || encoding === 'utf-16be' ? encoding : 'single';
  const window = width === 'single' ? single : new TextWindow(path, width);
  if (window !== single) single.close();
  const bom =
    encoding === 'utf-8' && start.equals(utf8Mark) ? 3 : width !== 'single' && encodingOf(start) === encoding ? 2 : 0;
  window.load(bom);
  const newline = window.text.includes('\n') || !window.text.includes('\r') ? '\n' : '\r';
  const first = skipLines(window, { from: bom, count: told.skip ?? 0, newline });
  const separator = separatorLine(window, first, newline);
  const from =
    separator === undefined ? first : skipLines(window, { from: first.byte, count: 1, newline, line: first.line });
  const line = lineAt(window, from.byte, newline);
  const delimiter = told.delimiter ?? separator ?? delimiterOf(line);
  if (doubleByte.has(encoding) && delimiter.charCodeAt(0) >= 0x40) {
    throw new TradedbError('config_invalid', `${JSON.stringify(delimiter)} can be half of a character in ${encoding}`);
  }
  const form = {
    delimiter,
    quote: told.quote ?? '"',
    newline,
    nulls: new Set(told.nulls),
    decode: decoderOf(encoding, width),
  } as const;
  if (told.header !== undefined)
    return { window, header: told.header, start: from, shape: { ...form, columns: told.header.length } };
  const columns = line === '' ? 0 : new CsvTokenizer({ ...form, columns: 0 }).fieldsOf(line).length;
  const header = readHeader(window, { ...form, columns }, from);
  return { window, header: header.names, start: header.end, shape: { ...form, columns: header.names.length } };
}

const utf8Mark = Buffer.from([0xef, 0xbb, 0xbf]);

function encodingOf(start: Buffer): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (start[0] === 0xff && start[1] === 0xfe) return 'utf-16le';
  return start[0] === 0xfe && start[1] === 0xff ? 'utf-16be' : 'utf-8';
}

function decoderOf(encoding: string, width: CharacterWidth): (raw: string) => string | undefined {
  if (width !== 'single') return (raw) => raw;
  const decoder = new TextDecoder(encoding === 'latin1' ? 'windows-1252' : encoding, { fatal: true, ignoreBOM: true });
  return (raw) => {
    try {
      return decoder.decode(Buffer.from(raw, 'latin1'));
    } catch {
      return undefined;
    }
  };
}

interface Skip {
  readonly from: number;
  readonly count: number;
  readonly newline: string;
  readonly line?: number;
}

/** Where the line `count` lines further on begins. */
function skipLines(window: TextWindow, { from, count, newline, line = 1 }: Skip): RecordStart {
  let at = (from - window.from) / window.bytesPerCharacter;
  for (let skipped = 0; skipped < count; skipped += 1) {
    const end = window.text.indexOf(newline, at);
    if (end < 0)
      throw new TradedbError('config_invalid', `${JSON.stringify(window.path)} has fewer than ${count} lines`);
    at = end + 1;
  }
  return { byte: window.from + at * window.bytesPerCharacter, line: line + count };
}

/** Spreadsheets write `sep=;` before the header. */
function separatorLine(window: TextWindow, { byte }: RecordStart, newline: string): string | undefined {
  return /^sep=(.)$/i.exec(lineAt(window, byte, newline))?.[1];
}

function lineAt(window: TextWindow, byte: number, newline: string): string {
  const at = (byte - window.from) / window.bytesPerCharacter;
  const end = window.text.indexOf(newline, at);
  return window.text.slice(at, end < 0 ? undefined : end).replace(/\r$/, '');
}

/** The one that splits the header into most parts. */
function delimiterOf(line: string): string {
  const unquoted = line.replace(/"[^"]*"/g, '');
  const parts = (delimiter: string): number => unquoted.split(delimiter).length;
  return delimiters.reduce((best, next) => (parts(next) > parts(best) ? next : best));
}

function readHeader(window: TextWindow, shape: CsvShape, from: RecordStart): { names: string[]; end: RecordStart } {
  const at = (from.byte - window.from) / window.bytesPerCharacter;
  const found = new CsvTokenizer(shape).next(window.text, at, { line: from.line, isLast: true });
  const fields = found?.row.slice(0, shape.columns) ?? [];
  if (found === undefined || fields.length === 0 || fields.every((field) => field === null)) {
    throw new TradedbError('config_invalid', `${JSON.stringify(window.path)} has no header`, {
      hint: 'the first line must name the columns; a mapping file can do it too: "csv": { "header": [...] }',
    });
  }
  const seen = new Map<string, number>();
  const names = fields.map((field, index) => {
    const name = field === null ? `column ${index + 1}` : String(field);
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return times === 1 ? name : `${name} (${times})`;
  });
  return { names, end: { byte: window.from + found.end * window.bytesPerCharacter, line: from.line + found.lines } };
}
