import { TradedbError } from '../../error.ts';
import type { SqlParameters, SqlValue } from '../../sqlite/statement.ts';

/**
 * Values in capture and workload files: JSON, with `{"$int":"..."}` beyond 2^53, `{"$blob":"base64"}` and
 * `{"$text":"..."}` for adapted types. Integers become BigInt, because the driver binds a JavaScript number as REAL.
 */

type Reviver = (this: unknown, key: string, value: unknown, context?: { readonly source?: string }) => unknown;

// The third argument tells the digits as they were written; 9007199254740993 would otherwise be rounded already.
const keepIntegers: Reviver = (_key, value, context) => {
  if (typeof value !== 'number') return value;
  const source = context?.source;
  if (source === undefined) return Number.isSafeInteger(value) ? BigInt(value) : value;
  return /^-?\d+$/.test(source) ? BigInt(source) : value;
};

/** JSON whose integers are BigInt, of any length. Throws SyntaxError. */
export function parseJson(text: string): unknown {
  return JSON.parse(text, keepIntegers as Parameters<typeof JSON.parse>[1]);
}

/** One value from JSON; throws `usage` for what SQLite cannot bind. */
export function decodeValue(value: unknown): SqlValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return inRange(value);
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'string' || typeof value === 'number') return value;
  if (typeof value === 'object') {
    const [key, inner, more] = Object.entries(value).flat();
    if (more === undefined && typeof inner === 'string') {
      if (key === '$int' && /^-?\d+$/.test(inner)) return inRange(BigInt(inner));
      if (key === '$blob') return Uint8Array.from(Buffer.from(inner, 'base64'));
      if (key === '$text') return inner;
    }
  }
  throw new TradedbError('usage', `${JSON.stringify(value, bigIntText)} is no value that SQLite can bind`, {
    hint: 'null, numbers, texts, booleans, {"$int":"..."}, {"$blob":"base64"}, {"$text":"..."}',
  });
}

function inRange(value: bigint): bigint {
  if (BigInt.asIntN(64, value) === value) return value;
  throw new TradedbError('usage', `${value} does not fit into 64 bits`);
}

/** Positional values from an array, named ones from an object. */
export function decodeParameters(value: unknown): SqlParameters {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map(decodeValue);
  if (typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, decodeValue(inner)]));
  }
  throw new TradedbError('usage', 'parameters must be a JSON array or object');
}

/** The form in which a value is written to a file. */
export function encodeValue(value: SqlValue): unknown {
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : { $int: String(value) };
  }
  return value instanceof Uint8Array ? { $blob: Buffer.from(value).toString('base64') } : value;
}

/** JSON text of parameters; equal texts mean equal values. */
export function encodeParameters(values: SqlParameters): string {
  if (Array.isArray(values)) return JSON.stringify(values.map(encodeValue));
  return JSON.stringify(Object.fromEntries(Object.entries(values).map(([name, value]) => [name, encodeValue(value)])));
}

function bigIntText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
