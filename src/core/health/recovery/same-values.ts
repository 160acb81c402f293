import type { RecordValue } from '../../file-format/record.ts';

/** The same storage classes and the same bytes. */
export function sameValues(a: readonly RecordValue[], b: readonly RecordValue[]): boolean {
  return a.length === b.length && a.every((value, index) => sameValue(value, b[index] as RecordValue));
}

function sameValue(a: RecordValue, b: RecordValue): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return Object.is(a, b);
}
