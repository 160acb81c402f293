import type { FoundRecord, RecordFormat } from '../file/record-rows.ts';
import { longestRecord } from '../file/text-window.ts';
import type { RawValue } from '../raw-value.ts';
import type { SourceRow } from '../source.ts';

/** Columns that every NDJSON file has behind the fields that the mapping reads. */
export const lineColumn = '#line';
export const jsonColumn = '#json';
export const problemColumn = '#problem';

/** So many digits, with or without a point, may be more than a double keeps. */
const manyDigits = /\d[\d.]{15}/;
const asciiOnly = /^[\0-\x7f]*$/;

/** Takes one JSON object from each line: the fields that are read, the number of the line, its text and what is wrong. */
export class NdjsonParser implements RecordFormat {
  readonly #paths: readonly (readonly string[])[];
  readonly #names: readonly string[];
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  /** A field within an object is named with points: `order.id`. */
  constructor(fields: readonly string[]) {
    this.#names = fields;
    this.#paths = fields.map((field) => field.split('.'));
  }

  next(text: string, at: number, { line, isLast }: { line: number; isLast: boolean }): FoundRecord | undefined {
    if (at >= text.length) return undefined;
    const feed = text.indexOf('\n', at);
    if (feed < 0 && !isLast && text.length - at < longestRecord) return undefined;
    const end = feed < 0 ? text.length : feed;
    const raw = text.slice(at, end).trim();
    const record = { end: Math.min(end + 1, text.length), lines: 1 };
    return raw === '' ? { ...record, row: [] } : { ...record, row: this.#row(raw, line) };
  }

  #row(raw: string, line: number): SourceRow {
    const text = this.#decoded(raw);
    if (text === undefined) return this.#broken(raw, line, 'its bytes are not UTF-8');
    let value: unknown;
    try {
      value = manyDigits.test(text) ? JSON.parse(text, exactNumber) : JSON.parse(text);
    } catch (error) {
      return this.#broken(text, line, error instanceof Error ? error.message : String(error));
    }
    if (typeof value !== 'object' || value === null) return this.#broken(text, line, 'it is no object');
    const object = value as Readonly<Record<string, unknown>>;
    const row: RawValue[] = this.#paths.map((path, index) => rawOf(fieldIn(object, this.#names[index] ?? '', path)));
    row.push(line, text, null);
    return row;
  }

  #decoded(raw: string): string | undefined {
    if (asciiOnly.test(raw)) return raw;
    try {
      return this.#decoder.decode(Buffer.from(raw, 'latin1'));
    } catch {
      return undefined;
    }
  }

  #broken(text: string, line: number, problem: string): SourceRow {
    return [...new Array<null>(this.#paths.length).fill(null), line, text, `line ${line}: ${problem}`];
  }
}

/** The text of a number that a double would change. */
function exactNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== 'number' || source === undefined || source.length < 16) return value;
  return source;
}

/** A key with points in it comes before a path. */
function fieldIn(object: Readonly<Record<string, unknown>>, name: string, path: readonly string[]): unknown {
  if (path.length === 1 || Object.hasOwn(object, name)) return Object.hasOwn(object, name) ? object[name] : undefined;
  let value: unknown = object;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[part];
  }
  return value;
}

/** Objects and lists come as their JSON. */
function rawOf(value: unknown): RawValue {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' || typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  return JSON.stringify(value);
}
