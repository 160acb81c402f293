import { TradedbError } from '../../error.ts';
import type { SqlValue } from '../../sqlite/statement.ts';

/** A value of a key as JSON can keep it: integers beyond 2^53 and bytes survive. */
export type KeyBound = { readonly type: 'integer' | 'real' | 'text' | 'blob'; readonly value: string };

export function keepKey(value: SqlValue): KeyBound {
  if (typeof value === 'bigint') return { type: 'integer', value: String(value) };
  if (typeof value === 'number') return { type: 'real', value: String(value) };
  if (typeof value === 'string') return { type: 'text', value };
  if (value instanceof Uint8Array) return { type: 'blob', value: Buffer.from(value).toString('hex') };
  throw new TradedbError('sql_error', 'a row has NULL in its key', { hint: 'take a key that is NOT NULL' });
}

export function bindKey({ type, value }: KeyBound): SqlValue {
  switch (type) {
    case 'integer':
      return BigInt(value);
    case 'real':
      return Number(value);
    case 'text':
      return value;
    default:
      return Buffer.from(value, 'hex');
  }
}
