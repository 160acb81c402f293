import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { KeyRange } from './leaf-order.ts';
import type { TableShape } from './table-shape.ts';

/** Ranges of rowids whose pages are gone, with how many rows of each were found elsewhere. */
export function describeRanges(connection: Connection, shape: TableShape, ranges: readonly KeyRange[]): string[] {
  const key = shape.alias >= 0 ? shape.columns[shape.alias]?.name : shape.rowidName;
  return merged(ranges).map((range) => {
    const words = inWords(range);
    if (key === undefined) return words;
    const name = quoteIdentifier(key);
    const conditions = [
      range.above === undefined ? undefined : `${name} > ${range.above}`,
      range.upTo === undefined ? undefined : `${name} <= ${range.upTo}`,
    ].filter((one) => one !== undefined);
    const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
    const found = Number(connection.value(`SELECT count(*) FROM ${quoteIdentifier(shape.name)}${where}`));
    return found === 0 ? words : `${words} (but ${found} of them)`;
  });
}

/** Neighbours become one range. */
function merged(ranges: readonly KeyRange[]): KeyRange[] {
  const result: KeyRange[] = [];
  for (const range of ranges) {
    const last = result.at(-1);
    if (last?.upTo !== undefined && last.upTo === range.above)
      result[result.length - 1] = { above: last.above, upTo: range.upTo };
    else result.push(range);
  }
  return result;
}

function inWords({ above, upTo }: KeyRange): string {
  const from = above === undefined ? undefined : above + 1n;
  if (from === undefined) return upTo === undefined ? 'all rowids' : `rowids up to ${upTo}`;
  return upTo === undefined ? `rowids from ${from}` : from === upTo ? `rowid ${from}` : `rowids ${from} to ${upTo}`;
}
