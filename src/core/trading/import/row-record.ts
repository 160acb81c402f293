import { hash } from 'node:crypto';
import type { RawValue } from './raw-value.ts';
import type { RelatedRow } from './unit.ts';

/** Source rows as they are remembered: a short hash of what was taken, and the whole row of what was not. */

const hashBytes = 16;

/** Rows with equal values of equal types have equal hashes; the types keep 5 and '5' apart. */
export function rowHash(row: readonly RawValue[], related: readonly RelatedRow[] | undefined): Buffer {
  let text = canonical(row);
  for (const other of related ?? []) text += `\u0001${other.table}${canonical(other.row)}`;
  return hash('sha256', text, 'buffer').subarray(0, hashBytes);
}

function canonical(row: readonly RawValue[]): string {
  let text = '';
  for (const value of row) {
    if (value === null) text += '\u0000n';
    else if (typeof value === 'bigint') text += `\u0000i${value}`;
    else if (typeof value === 'number') text += `\u0000r${value}`;
    else if (typeof value === 'string') text += `\u0000s${value.length}:${value}`;
    else text += `\u0000b${Buffer.from(value).toString('base64')}`;
  }
  return text;
}

/** What is kept of a row that stays out; it reads back as the same values. */
interface RowRecord {
  readonly table: string;
  readonly row: Readonly<Record<string, unknown>>;
  readonly related?: readonly { readonly table: string; readonly row: Readonly<Record<string, unknown>> }[];
}

export function rowJson(
  table: string,
  columns: readonly string[],
  row: readonly RawValue[],
  related?: readonly RelatedRow[],
): string {
  const record: RowRecord = {
    table,
    row: named(columns, row),
    ...(related === undefined || related.length === 0
      ? {}
      : { related: related.map((other) => ({ table: other.table, row: named(other.columns, other.row) })) }),
  };
  return JSON.stringify(record);
}

/** The values of `columns` as the source had them (a whole REAL as INTEGER); a column that the record lacks is NULL. */
export function rowOfJson(text: string, columns: readonly string[]): RawValue[] {
  const { row } = JSON.parse(text) as RowRecord;
  return columns.map((column) => untagged(row[column] ?? null));
}

function named(columns: readonly string[], row: readonly RawValue[]): Record<string, unknown> {
  return Object.fromEntries(columns.map((column, at) => [column, tagged(row[at] ?? null)]));
}

/** Numbers as people write them where JSON can hold them; everything else carries its type. */
function tagged(value: RawValue): unknown {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'bigint')
    return Number.isSafeInteger(Number(value)) ? Number(value) : { int64: value.toString() };
  if (typeof value === 'number') return Number.isFinite(value) ? value : { real: String(value) };
  return { base64: Buffer.from(value).toString('base64') };
}

function untagged(value: unknown): RawValue {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  const tag = value as { int64?: string; real?: string; base64?: string };
  if (tag.int64 !== undefined) return BigInt(tag.int64);
  if (tag.real !== undefined) return Number(tag.real);
  return Buffer.from(tag.base64 ?? '', 'base64');
}
