import type { ColumnSource } from '../../mapping/mapping.ts';
import { scaledText } from '../../mapping/scaled-text.ts';
import type { SourceTime, TimeUnit } from '../../mapping/source-time.ts';
import type { RawValue } from '../raw-value.ts';
import type { SourceRow } from '../source.ts';

/** One column of a stream, compiled: where its value comes from and what has to be done to it. */
export interface Field {
  /** The value; null when there is none. */
  value(row: SourceRow): RawValue;
  /** The source's own text behind a value that `value` translated, to tell in a reason. */
  raw(row: SourceRow): RawValue;
  /** A number as the judge of numbers takes it. A value that breaks its scale comes back as text that is no number. */
  number(row: SourceRow): RawValue;
  /** UTC microseconds; NaN when `time.outcome` tells that there are none. */
  time(row: SourceRow, time: SourceTime): number;
}

/** `at` finds a column of the row; a source that names no column is one value for all rows. */
export function fieldOf(source: ColumnSource, at: (column: string) => number, decimal: '.' | ',' = '.'): Field {
  if (typeof source === 'string') return columnField(at(source), {}, decimal);
  if ('value' in source) return constantField(source.value);
  return columnField(at(source.column), source, decimal);
}

/** Stands for a column that the mapping does not fill. */
export const noField: Field = {
  value: () => null,
  raw: () => null,
  number: () => null,
  time: (_row, time) => time.read(null),
};

function constantField(value: string | number): Field {
  return {
    value: () => value,
    raw: () => value,
    number: () => value,
    time: (_row, time) => time.read(value),
  };
}

type Treatment = Extract<ColumnSource, { column: string }>;

function columnField(at: number, how: Omit<Treatment, 'column'>, decimal: '.' | ','): Field {
  const raw = (row: SourceRow): RawValue => row[at] ?? null;
  const map = how.map === undefined ? undefined : new Map(Object.entries(how.map));
  const translated = (row: SourceRow): RawValue => {
    const value = raw(row);
    return map === undefined || value === null ? value : (map.get(textOf(value)) ?? null);
  };
  const unit = how.unit;
  return {
    raw,
    value: translated,
    number: numberReader(translated, how.scale, decimal),
    time: (row, time) => (unit === undefined || unit === 'iso' ? time.read(raw(row)) : inUnit(raw(row), unit, time)),
  };
}

function numberReader(
  value: (row: SourceRow) => RawValue,
  scale: number | undefined,
  decimal: '.' | ',',
): (row: SourceRow) => RawValue {
  const plain = decimal === '.' ? value : (row: SourceRow): RawValue => withPoint(value(row));
  if (scale === undefined || scale === 0) return plain;
  return (row) => {
    const units = plain(row);
    return units === null ? null : (scaledText(units, scale) ?? `${textOf(units)} is not whole`);
  };
}

/** `1.234,56` and `1 234,56` as `1234.56`. */
function withPoint(value: RawValue): RawValue {
  return typeof value === 'string' ? value.replace(/[.\s\u00a0\u202f](?=\d{3})/g, '').replace(',', '.') : value;
}

function inUnit(value: RawValue, unit: TimeUnit, time: SourceTime): number {
  return time.readUnit(value, unit);
}

/** A REAL that is whole reads as its integer, as it would in any other program. */
export function textOf(value: RawValue): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
}
