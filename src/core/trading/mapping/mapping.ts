import * as v from 'valibot';
import { TradedbError } from '../../error.ts';

/**
 * A mapping file: which tables of an own schema hold orders, fills, candles, ticks and quotes, and in which columns. The
 * published form is docs/schema/mapping.schema.json.
 */

const name = v.pipe(v.string('expected a name'), v.minLength(1, 'must not be empty'));
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

const mappingFile = v.strictObject({
  tradedbMapping: v.literal(1, 'expected "tradedbMapping": 1'),
  name: v.pipe(v.string('expected a name'), v.regex(/^[\w-]+$/, 'expected a name such as "my-engine"')),
  detect: v.record(name, v.array(name, 'expected a list of columns')),
  streams: v.strictObject({
    orders: v.optional(
      stream([
        'client_order_id',
        'account',
        'symbol',
        'side',
        'type',
        'price',
        'qty',
        'filled_qty',
        'is_open',
        'created_us',
        'updated_us',
      ]),
    ),
    fills: v.optional(
      stream(['order', 'account', 'symbol', 'venue_trade_id', 'side', 'price', 'qty', 'exec_us', 'fee', 'fee_asset']),
    ),
    candles: v.optional(stream(['symbol', 'interval_s', 'open_us', 'open', 'high', 'low', 'close', 'volume'])),
    ticks: v.optional(stream(['symbol', 'ts_us', 'price', 'qty'])),
    quotes: v.optional(stream(['symbol', 'ts_us', 'bid_px', 'bid_qty', 'ask_px', 'ask_qty'])),
  }),
});

export type Mapping = v.InferOutput<typeof mappingFile>;
export type StreamName = keyof Mapping['streams'];
export type Stream = NonNullable<Mapping['streams'][StreamName]>;

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
