import { objectKey } from '../../rates.ts';
import type { ObjectWrites } from '../../sample.ts';
import { ageText, bytesText, countText, rateText } from '../figures.ts';
import { type Line, piece, plainLine } from '../line.ts';
import { sparkline } from '../sparkline.ts';
import type { DashboardState } from '../state.ts';
import { safeText, wrapText } from '../text-width.ts';
import { shownHolders } from './locks.ts';
import { shownObjects } from './tables.ts';

const indent = 14;

/** The marked object or process by itself. */
export function detailView(state: DashboardState, columns: number, rows: number): Line[] {
  const lines = state.view === 'locks' ? processLines(state, columns) : objectDetail(state, columns);
  return [...lines, plainLine(''), plainLine('esc: back to the list', 'dim')].slice(0, rows);
}

function field(name: string, text: string, columns: number): Line[] {
  const [first = '', ...rest] = wrapText(text, Math.max(10, columns - indent));
  return [
    [piece(name.padEnd(indent), 'dim'), piece(first)],
    ...rest.map((line) => plainLine(`${' '.repeat(indent)}${line}`)),
  ];
}

function objectDetail(state: DashboardState, columns: number): Line[] {
  const shown = shownObjects(state);
  const entry = shown[Math.min(state.selected, shown.length - 1)];
  if (entry === undefined || state.sample === undefined) return [plainLine('nothing is marked', 'dim')];
  const key = objectKey(entry);
  const rates = state.trail.map((second) => second[key] ?? 0);
  const width = Math.max(10, Math.min(100, columns - indent - 18));
  const indexes = state.sample.objects.filter(({ kind, table }) => kind === 'index' && table === entry.object);
  const size = (one: ObjectWrites): string =>
    `${countText(one.pages)} pages, ${bytesText(one.pages * (state.sample?.pageSizeBytes ?? 0))}`;
  return [
    plainLine(safeText(entry.object), 'bold'),
    plainLine(''),
    ...field('kind', entry.kind === 'index' ? `index on ${safeText(entry.table)}` : 'table', columns),
    ...field('size', `${size(entry)}; overflow pages are not counted`, columns),
    ...field('written', `${entry.estimated ? 'about ' : ''}${countText(entry.frames)} frames so far`, columns),
    [
      piece('frames/s'.padEnd(indent), 'dim'),
      piece(rateText(state.objectRates[key] ?? 0).padStart(8), 'bold'),
      piece('  '),
      piece(sparkline(rates, width), 'accent'),
    ],
    ...indexes.flatMap((index) => field('has index', `${safeText(index.object)}, ${size(index)}`, columns)),
  ];
}

function processLines(state: DashboardState, columns: number): Line[] {
  const shown = shownHolders(state);
  const holder = shown[Math.min(state.selected, shown.length - 1)];
  if (holder === undefined) return [plainLine('nothing is marked', 'dim')];
  const pinned = state.sample?.pinned.find(({ holders }) => holders.some(({ pid }) => pid === holder.pid));
  const place =
    pinned === undefined
      ? 'not in its way'
      : `stops it at frame ${countText(pinned.mark)}, ${countText(pinned.lagFrames)} frames behind`;
  return [
    plainLine(`pid ${holder.pid}`, 'bold'),
    plainLine(''),
    ...field('command', safeText(holder.command), columns),
    ...(holder.ownLease === undefined ? [] : field('job of ours', safeText(holder.ownLease), columns)),
    ...field('holds', holder.bytes.join(', '), columns),
    ...field('for', `at least ${ageText(holder.heldAtLeastMs)}`, columns),
    ...field('checkpoint', place, columns),
  ];
}
