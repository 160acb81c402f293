import * as v from 'valibot';
import { TradedbError } from '../../error.ts';
import { type StreamName, streamColumns } from './stream-columns.ts';

/**
 * A mapping file: which tables of an own schema, or which files, hold orders, fills, candles and the rest, and in which
 * columns. The published form is docs/schema/mapping.schema.json.
 */

const name = v.pipe(v.string('expected a name'), v.minLength(1, 'must not be empty'));
const csvEncodings = ['utf-8', 'utf-16le', 'utf-16be', 'windows-1252', 'latin1', 'gbk', 'shift_jis', 'euc-kr'] as const;
const units = ['s', 'ms', 'us', 'ns', 'iso'] as const;

const columnSource = v.union(
  [
    name,
    v.strictObject({ value: v.union([v.string(), v.number()], 'expected a text or a number') }),
    v.strictObject({
      column: name,
      map: v.optional(v.record(v.string(), v.union([v.string(), v.number()]))),
      scale: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(18))),
      unit: v.optional(v.picklist(units, 'expected "s", "ms", "us", "ns" or "iso"')),
    }),
  ],
  'expected the name of a column, { "column": ... } or { "value": ... }',
);

/** A column, a column whose values are translated, or one value for all rows. */
export type ColumnSource = v.InferOutput<typeof columnSource>;

const stream = <const C extends readonly string[]>(columns: C) =>
  v.strictObject({
    from: name,
    key: v.pipe(v.array(name, 'expected a list of columns'), v.minLength(1, 'must name the columns of the key')),
    columns: v.record(v.picklist(columns, `expected one of ${columns.join(', ')}`), columnSource),
  });

const csvDialect = v.strictObject({
  delimiter: v.optional(v.pipe(v.string('expected one character'), v.length(1, 'expected one character'))),
  quote: v.optional(v.pipe(v.string('expected one character'), v.maxLength(1, 'expected one character or none'))),
  encoding: v.optional(v.picklist(csvEncodings, `expected one of ${csvEncodings.join(', ')}`)),
  /** Names of the columns, for a file whose first line is a row. */
  header: v.optional(v.array(name, 'expected a list of columns')),
  /** Lines before the header. */
  skip: v.optional(v.pipe(v.number('expected a number of lines'), v.integer(), v.minValue(0))),
  /** Texts that stand for no value, beside the empty one. */
  nulls: v.optional(v.array(v.string(), 'expected a list of texts')),
  /** A comma where numbers are written 1.234,56. */
  decimal: v.optional(v.picklist(['.', ','], 'expected "." or ","')),
});

const mappingFile = v.strictObject({
  tradedbMapping: v.literal(1, 'expected "tradedbMapping": 1'),
  name: v.pipe(v.string('expected a name'), v.regex(/^[\w-]+$/, 'expected a name such as "my-engine"')),
  detect: v.record(name, v.array(name, 'expected a list of columns')),
  timezone: v.optional(v.pipe(v.string('expected a time zone'), v.minLength(1, 'must not be empty'))),
  csv: v.optional(csvDialect),
  streams: v.strictObject({
    orders: v.optional(stream(streamColumns.orders)),
    order_events: v.optional(stream(streamColumns.order_events)),
    fills: v.optional(stream(streamColumns.fills)),
    funding: v.optional(stream(streamColumns.funding)),
    locks: v.optional(stream(streamColumns.locks)),
    state: v.optional(stream(streamColumns.state)),
    candles: v.optional(stream(streamColumns.candles)),
    ticks: v.optional(stream(streamColumns.ticks)),
    quotes: v.optional(stream(streamColumns.quotes)),
  }),
});

export type Mapping = v.InferOutput<typeof mappingFile>;
export type Stream = NonNullable<Mapping['streams'][StreamName]>;
/** How the text of a CSV file is put together; what is not told is seen in its first lines. */
export type CsvDialect = v.InferOutput<typeof csvDialect>;

/** Throws `config_invalid` that names the place in the file. */
export function parseMapping(text: string, path: string): Mapping {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new TradedbError('config_invalid', `${JSON.stringify(path)} is no JSON`, {
      hint: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
  const result = v.safeParse(mappingFile, json, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    const place = v.getDotPath(issue) ?? 'the file';
    throw new TradedbError('config_invalid', `${JSON.stringify(path)}: ${place}: ${issue.message}`, {
      hint: 'docs/schema/mapping.schema.json describes mapping files',
    });
  }
  return result.output;
}
