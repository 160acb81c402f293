import type { FoundRecord, RecordFormat } from '../file/record-rows.ts';
import { longestRecord } from '../file/text-window.ts';
import type { RawValue } from '../raw-value.ts';
import type { SourceRow } from '../source.ts';

/** Columns that every CSV file has behind its own. */
export const lineColumn = '#line';
export const rawColumn = '#raw';
export const problemColumn = '#problem';

export interface CsvShape {
  readonly delimiter: string;
  /** Empty: the file has no quotes. */
  readonly quote: string;
  readonly newline: '\n' | '\r';
  readonly columns: number;
  readonly nulls: ReadonlySet<string>;
  /** Text of a line as people read it; undefined when its bytes are none of the encoding. */
  decode(raw: string): string | undefined;
}

/** A quote that is not closed within so much text is taken for a stray one. */
const longestQuoted = 1 << 20;
const asciiOnly = /^[\0-\x7f]*$/;

/** Splits text into rows: fields, the number of the line, and for a line that is broken its text and what is wrong. */
export class CsvTokenizer implements RecordFormat {
  readonly #shape: CsvShape;
  /** Where the next quote stands; found once, not for each line. */
  #quoteAt = -1;
  #quotesIn = '';
  #asciiIn = '';
  #isAllAscii = true;

  constructor(shape: CsvShape) {
    this.#shape = shape;
  }

  next(text: string, at: number, where: { readonly line: number; readonly isLast: boolean }): FoundRecord | undefined {
    if (at >= text.length) return undefined;
    const { newline } = this.#shape;
    const lineEnd = text.indexOf(newline, at);
    if (lineEnd < 0 && !where.isLast && text.length - at < longestRecord) return undefined;
    const end = lineEnd < 0 ? text.length : lineEnd;
    const quoteAt = this.#nextQuote(text, at);
    if (quoteAt < 0 || quoteAt >= end) return this.#plain(text, at, { end, line: where.line });
    return this.#quoted(text, at, { end, line: where.line, isLast: where.isLast });
  }

  /** Parts of one line, whatever their number. */
  fieldsOf(line: string): readonly string[] {
    const { delimiter, quote, newline } = this.#shape;
    if (quote === '' || !line.includes(quote)) return line.split(delimiter);
    const fields: string[] = [];
    for (let from = 0; from <= line.length; ) {
      const close = line[from] === quote ? closingQuote(line, from, quote) : -1;
      const stop = endOf(line, close < 0 ? from : close + 1, delimiter, newline);
      fields.push(line.slice(from, stop));
      from = stop + 1;
    }
    return fields;
  }

  /** Looks at all of the text in memory once, and only where it is not ASCII at each line. */
  #isAscii(text: string, raw: string): boolean {
    if (this.#asciiIn !== text) {
      this.#asciiIn = text;
      this.#isAllAscii = asciiOnly.test(text);
    }
    return this.#isAllAscii || asciiOnly.test(raw);
  }

  #nextQuote(text: string, at: number): number {
    if (this.#shape.quote === '') return -1;
    if (this.#quotesIn !== text || (this.#quoteAt >= 0 && this.#quoteAt < at)) {
      this.#quotesIn = text;
      this.#quoteAt = text.indexOf(this.#shape.quote, at);
    }
    return this.#quoteAt;
  }

  #plain(text: string, at: number, { end, line }: { end: number; line: number }): FoundRecord {
    const raw = text.slice(at, text.charCodeAt(end - 1) === carriageReturn && end > at ? end - 1 : end);
    const record = { end: Math.min(end + 1, text.length), lines: 1 };
    if (raw === '') return { ...record, row: [] };
    const decoded = this.#isAscii(text, raw) ? raw : this.#shape.decode(raw);
    if (decoded === undefined) return { ...record, row: this.#broken(raw, line, 'its bytes are not of the encoding') };
    return { ...record, row: this.#row(decoded.split(this.#shape.delimiter), decoded, line) };
  }

  #quoted(
    text: string,
    at: number,
    { end, line, isLast }: { end: number; line: number; isLast: boolean },
  ): FoundRecord | undefined {
    const fields: string[] = [];
    const { delimiter, quote, newline } = this.#shape;
    let from = at;
    for (;;) {
      if (text[from] !== quote) {
        const stop = endOf(text, from, delimiter, newline);
        fields.push(text.slice(from, text[stop - 1] === '\r' && text[stop] === newline ? stop - 1 : stop));
        if (text[stop] !== delimiter) return this.#finish(text, at, { stop, fields, line });
        from = stop + 1;
        continue;
      }
      const close = closingQuote(text, from, quote);
      if (close < 0) {
        if (!isLast && text.length - at < longestQuoted * 2) return undefined;
        return this.#refuse(text, at, { end, line, problem: 'a quote is not closed' });
      }
      fields.push(text.slice(from + 1, close).replaceAll(quote + quote, quote));
      let next = close + 1;
      while (text[next] === ' ') next += 1;
      if (text[next] === '\r' && newline === '\n') next += 1;
      if (next >= text.length && !isLast) return undefined;
      if (next >= text.length || text[next] === newline) return this.#finish(text, at, { stop: next, fields, line });
      if (text[next] !== delimiter)
        return this.#refuse(text, at, { end, line, problem: 'text stands behind a closing quote' });
      from = next + 1;
    }
  }

  #finish(
    text: string,
    at: number,
    { stop, fields, line }: { stop: number; fields: string[]; line: number },
  ): FoundRecord {
    const raw = text.slice(at, stop);
    const record = { end: Math.min(stop + 1, text.length), lines: 1 + count(raw, this.#shape.newline) };
    if (this.#isAscii(text, raw)) return { ...record, row: this.#row(fields, raw, line) };
    const decoded = fields.map((field) => (asciiOnly.test(field) ? field : this.#shape.decode(field)));
    const whole = decoded.filter((field) => field !== undefined);
    if (whole.length < fields.length)
      return { ...record, row: this.#broken(raw, line, 'its bytes are not of the encoding') };
    return { ...record, row: this.#row(whole, this.#shape.decode(raw) ?? raw, line) };
  }

  /** The line alone is broken; the next one may be sound. */
  #refuse(
    text: string,
    at: number,
    { end, line, problem }: { end: number; line: number; problem: string },
  ): FoundRecord {
    return { row: this.#broken(text.slice(at, end), line, problem), end: Math.min(end + 1, text.length), lines: 1 };
  }

  #row(fields: string[], raw: string, line: number): SourceRow {
    const { columns, nulls } = this.#shape;
    // A delimiter at the end of each line is common, and no field.
    if (fields.length === columns + 1 && fields[columns] === '') fields.pop();
    if (fields.length !== columns) {
      return this.#broken(raw, line, `${fields.length} fields where the header has ${columns}`);
    }
    const row: RawValue[] = fields;
    const hasNulls = nulls.size > 0;
    for (let index = 0; index < columns; index += 1) {
      const value = trimmed(fields[index] as string);
      row[index] = value === '' || (hasNulls && nulls.has(value)) ? null : value;
    }
    row.push(line, null, null);
    return row;
  }

  #broken(raw: string, line: number, problem: string): SourceRow {
    const text = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    return [
      ...new Array<null>(this.#shape.columns).fill(null),
      line,
      this.#shape.decode(text) ?? text,
      `line ${line}: ${problem}`,
    ];
  }
}

const carriageReturn = 13;
const space = 32;

function trimmed(text: string): string {
  const last = text.length - 1;
  return text.charCodeAt(0) === space || text.charCodeAt(last) === space ? text.trim() : text;
}

function endOf(text: string, from: number, delimiter: string, newline: string): number {
  for (let at = from; at < text.length; at += 1) if (text[at] === delimiter || text[at] === newline) return at;
  return text.length;
}

/** The quote that ends the field which begins at `from`; two in a row stand for one. */
function closingQuote(text: string, from: number, quote: string): number {
  for (let at = text.indexOf(quote, from + 1); at >= 0 && at - from < longestQuoted; at = text.indexOf(quote, at + 2)) {
    if (text[at + 1] !== quote) return at;
  }
  return -1;
}

function count(text: string, character: string): number {
  let found = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) found += 1;
  return found;
}
