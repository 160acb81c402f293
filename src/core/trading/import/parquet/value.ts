import type { SchemaElement } from 'hyparquet';
import { scaledText } from '../../mapping/scaled-text.ts';
import type { RawValue } from '../raw-value.ts';

/** Turns what a column holds into a value of a row, without losing a digit. */
export type ColumnReader = (stored: unknown) => RawValue;

const nanosPerUnit = { MILLIS: 1_000_000n, MICROS: 1000n, NANOS: 1n } as const;
const msPerDay = 86_400_000;

/** What stays of an element, so that the library gives stored values as they are: decimals and times lose digits in it. */
export function plainElement(element: SchemaElement): SchemaElement {
  const { converted_type: converted, logical_type: logical, ...plain } = element;
  const isLossy =
    converted === 'DECIMAL' ||
    converted === 'DATE' ||
    converted?.startsWith('TIMESTAMP') === true ||
    logical?.type === 'DECIMAL' ||
    logical?.type === 'DATE' ||
    logical?.type === 'TIMESTAMP';
  return isLossy ? plain : element;
}

/** How values of a column are read, by its element as the file has it. */
export function columnReader(element: SchemaElement): ColumnReader {
  const { converted_type: converted, logical_type: logical } = element;
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') {
    const scale = logical?.type === 'DECIMAL' ? logical.scale : (element.scale ?? 0);
    return (stored) => decimalOf(stored, scale);
  }
  if (converted === 'DATE' || logical?.type === 'DATE') return dateOf;
  if (logical?.type === 'TIMESTAMP' && !logical.isAdjustedToUTC) {
    const { unit } = logical;
    return (stored) => localTime(stored, nanosPerUnit[unit]);
  }
  return element.type === 'FLOAT' ? floatOf : plainValue;
}

function decimalOf(stored: unknown, scale: number): RawValue {
  if (stored === null || stored === undefined) return null;
  if (typeof stored === 'number' || typeof stored === 'bigint') return scaledText(BigInt(stored), scale) ?? null;
  return stored instanceof Uint8Array ? (scaledText(signed(stored), scale) ?? null) : plainValue(stored);
}

/** Big-endian two's complement. */
function signed(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = value * 256n + BigInt(byte);
  const bits = BigInt(bytes.length * 8);
  return bits > 0n && value >= 1n << (bits - 1n) ? value - (1n << bits) : value;
}

function dateOf(stored: unknown): RawValue {
  if (typeof stored !== 'number' && typeof stored !== 'bigint') return plainValue(stored);
  const time = new Date(Number(stored) * msPerDay);
  return Number.isNaN(time.getTime()) ? plainValue(stored) : time.toISOString().slice(0, 10);
}

/** A time on some clock, as text without an offset: the mapping says of which zone. */
function localTime(stored: unknown, nanos: bigint): RawValue {
  if (typeof stored !== 'number' && typeof stored !== 'bigint') return plainValue(stored);
  const total = BigInt(stored) * nanos;
  const rest = ((total % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const time = new Date(Number((total - rest) / 1_000_000n));
  if (Number.isNaN(time.getTime())) return plainValue(stored);
  return `${time.toISOString().slice(0, 19)}.${rest.toString().padStart(9, '0')}`;
}

/** The shortest decimal that is this 32-bit float: its 64-bit image has digits that nobody wrote. */
function floatOf(stored: unknown): RawValue {
  if (typeof stored !== 'number' || !Number.isFinite(stored)) return plainValue(stored);
  for (let digits = 6; digits < 9; digits += 1) {
    const text = stored.toPrecision(digits);
    if (Math.fround(Number(text)) === stored) return Number(text);
  }
  return Number(stored.toPrecision(9));
}

function plainValue(stored: unknown): RawValue {
  switch (typeof stored) {
    case 'undefined':
      return null;
    case 'string':
    case 'number':
    case 'bigint':
      return stored;
    case 'boolean':
      return stored ? 'true' : 'false';
    default:
      if (stored === null || stored instanceof Uint8Array) return stored;
      return JSON.stringify(stored, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
  }
}
