import Table from 'cli-table3';
import type { Style } from './style.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** May be cut at the end when the terminal is too narrow. */
  readonly flexible?: boolean;
}

const borderless = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

const colorSequence = /\u001b\[[0-9;]*m/g;

/** Columns a text takes on the screen, colour sequences left out. */
export function visibleWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  return [...text.replace(colorSequence, '')].length;
}

function cut(text: string, width: number): string {
  if (visibleWidth(text) <= width) return text;
  return `${[...text.replace(colorSequence, '')].slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** A table without lines; fits `style.columns` by cutting the flexible columns, numbers right-aligned. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: Style,
  indent = 2,
): string {
  const widths = columns.map((column, index) =>
    rows.reduce((widest, row) => Math.max(widest, visibleWidth(row[index] ?? '')), visibleWidth(column.title)),
  );
  if (style.columns > 0) shrink(widths, columns, style.columns - indent - 2 * (columns.length - 1));
  const head = columns.some((column) => column.title !== '')
    ? [columns.map((column, index) => style.dim(cut(column.title, widths[index] ?? 0)))]
    : [];
  const cells = [...head, ...rows.map((row) => columns.map((_, index) => cut(row[index] ?? '', widths[index] ?? 0)))];
  const lines = rows.length > mostLaidOutRows ? padded(cells, widths, columns) : laidOut(cells, widths, columns);
  return lines.map((line) => `${' '.repeat(indent)}${line}`.trimEnd()).join('\n');
}

/** The layout of cli-table3 compares cells with each other; beyond this many rows plain padding draws the same at once. */
const mostLaidOutRows = 100;

function padded(cells: readonly string[][], widths: readonly number[], columns: readonly Column[]): string[] {
  return cells.map((row) =>
    row
      .map((text, index) => {
        const space = ' '.repeat(Math.max(0, (widths[index] ?? 0) - visibleWidth(text)));
        return columns[index]?.align === 'right' ? space + text : text + space;
      })
      .join('  '),
  );
}

function laidOut(cells: readonly string[][], widths: number[], columns: readonly Column[]): string[] {
  const drawn = new Table({
    chars: borderless,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
    colAligns: columns.map((column) => column.align ?? 'left'),
    colWidths: widths,
  });
  drawn.push(...cells);
  return drawn.toString().split('\n');
}

function shrink(widths: number[], columns: readonly Column[], available: number): void {
  let excess = widths.reduce((sum, width) => sum + width, 0) - available;
  for (let index = columns.length - 1; index >= 0 && excess > 0; index--) {
    if (columns[index]?.flexible !== true) continue;
    const width = widths[index] ?? 0;
    const taken = Math.min(excess, Math.max(0, width - 8));
    widths[index] = width - taken;
    excess -= taken;
  }
}
