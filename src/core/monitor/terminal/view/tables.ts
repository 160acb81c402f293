import { objectKey } from '../../rates.ts';
import type { ObjectWrites } from '../../sample.ts';
import { bytesText, countText, rateText, shareText } from '../figures.ts';
import { type Line, piece, plainLine } from '../line.ts';
import type { DashboardState, ObjectSortKey } from '../state.ts';
import { fitText, safeText } from '../text-width.ts';

/** What is written to which table and index, and how large each is. */
export function tablesView(state: DashboardState, columns: number, rows: number): Line[] {
  const { sample } = state;
  if (sample === undefined) return [plainLine('waiting for the first sample', 'dim')];
  if (sample.objects.length === 0) return [plainLine('tables are not looked at (--attribution off)', 'dim')];
  return [...objectLines(state, columns, rows - 2), plainLine(''), coverageLine(state)].slice(0, rows);
}

/** Sorted and filtered as the keys say. */
export function shownObjects({ sample, objectRates, filter, objectSort }: DashboardState): ObjectWrites[] {
  return [...(sample?.objects ?? [])]
    .filter(({ object }) => object.toLowerCase().includes(filter.toLowerCase()))
    .sort(order(objectSort, (entry) => objectRates[objectKey(entry)] ?? 0));
}

/** The table alone, at most `rows` lines with its head. */
export function objectLines(state: DashboardState, columns: number, rows: number): Line[] {
  const { sample, objectRates } = state;
  if (sample === undefined || sample.objects.length === 0) return [];
  const nameWidth = Math.max(12, Math.min(40, columns - 50));
  const total = Object.values(objectRates).reduce((sum, rate) => sum + rate, 0);
  const rateOf = (entry: ObjectWrites): number => objectRates[objectKey(entry)] ?? 0;
  const shown = shownObjects(state);
  const room = Math.max(0, rows - 1);
  const marked = state.keys && state.view === 'tables' ? Math.min(state.selected, shown.length - 1) : -1;
  const first = Math.max(0, marked - room + 1);
  const row = (cells: readonly [string, string, string, string, string, string]): string =>
    [
      fitText(cells[0], nameWidth),
      fitText(cells[1], 6),
      fitText(cells[2], 9, 'right'),
      fitText(cells[3], 6, 'right'),
      fitText(cells[4], 10, 'right'),
      fitText(cells[5], 9, 'right'),
    ].join('  ');
  const body = shown.slice(first, first + room).map((entry, index) => {
    const rate = rateOf(entry);
    const share = total > 0 && rate > 0 ? shareText(rate / total) : '';
    const size = bytesText(entry.pages * sample.pageSizeBytes);
    const frames = rate > 0 ? `${entry.estimated ? '~' : ''}${rateText(rate)}` : '-';
    // A sign too: colour is never the only one.
    const name = first + index === marked ? `> ${safeText(entry.object)}` : safeText(entry.object);
    const text = row([name, entry.kind, frames, share, countText(entry.pages), size]);
    return plainLine(text, first + index === marked ? 'inverse' : rate > 0 ? 'plain' : 'dim');
  });
  return [plainLine(row(['OBJECT', 'KIND', 'FRAMES/S', 'SHARE', 'PAGES', 'SIZE']), 'dim'), ...body];
}

function coverageLine({ sample }: DashboardState): Line {
  if (sample === undefined) return [];
  const covered = `${shareText(sample.coverage)} of the commits seen`;
  const unknown = sample.unknownFrames > 0 ? `, ${countText(sample.unknownFrames)} frames not attributed` : '';
  const estimate = sample.coverage < 0.995 ? '; ~ marks what was scaled up to all of them' : '';
  return [piece(`${covered}${unknown}${estimate}`, 'dim')];
}

function order(sort: ObjectSortKey, rateOf: (entry: ObjectWrites) => number) {
  const byName = (a: ObjectWrites, b: ObjectWrites): number => a.object.localeCompare(b.object, 'en');
  switch (sort) {
    case 'writes':
      return (a: ObjectWrites, b: ObjectWrites) => rateOf(b) - rateOf(a) || b.pages - a.pages || byName(a, b);
    case 'pages':
      return (a: ObjectWrites, b: ObjectWrites) => b.pages - a.pages || byName(a, b);
    case 'name':
      return byName;
  }
}
