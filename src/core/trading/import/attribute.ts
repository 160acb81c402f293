import type { RawValue } from './raw-value.ts';

/** A value of a source as JSON keeps it: an integer beyond 2^53 as text, bytes as base64 under `base64`. */
export function attributeOf(value: RawValue): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value;
}

/** Canonical text of a key: the value itself, or a JSON list of several. */
export function externalIdOf(key: readonly (RawValue | undefined)[]): string {
  const [first] = key;
  if (key.length === 1 && !(first instanceof Uint8Array)) return String(first);
  return JSON.stringify(key.map((value) => attributeOf(value ?? null)));
}
