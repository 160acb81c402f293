import { html } from './page.ts';

/** Horizontal bars as inline SVG, one row per name. */

const width = 1000;
const labelWidth = 230;
const valueWidth = 110;
const rowHeight = 24;
const barHeight = 14;

export interface Part {
  readonly label: string;
  readonly color: string;
  readonly value: number;
}

export interface StackedRow {
  readonly name: string;
  readonly value: string;
  readonly parts: readonly Part[];
}

/** Rows of stacked parts, all on one linear scale. */
export function stackedBars(title: string, rows: readonly StackedRow[]): string {
  const total = (row: StackedRow): number => row.parts.reduce((sum, part) => sum + part.value, 0);
  const largest = Math.max(...rows.map(total), 1e-9);
  const room = width - labelWidth - valueWidth;
  const body = rows.map((row, index) => {
    let x = labelWidth;
    const rects = row.parts.map((part) => {
      const length = (part.value / largest) * room;
      const rect = bar({ x, y: index * rowHeight + 5, length, color: part.color, title: `${row.name}: ${part.label}` });
      x += length;
      return rect;
    });
    return `${label(row.name, index)}${rects.join('')}${value(row.value, x, index)}`;
  });
  const keys = new Map(rows.flatMap((row) => row.parts.map((part) => [part.label, part.color] as const)));
  return chart(title, [...keys], body, rows.length * rowHeight);
}

export interface PairRow {
  readonly name: string;
  readonly before: number;
  readonly after: number;
  readonly text: string;
}

/** Two bars per row on one logarithmic scale: times differ by powers of ten. */
export function pairedBars(title: string, rows: readonly PairRow[]): string {
  const values = rows.flatMap((row) => [row.before, row.after]).filter((one) => one > 0);
  const low = Math.log10(Math.min(...values, 1)) - 0.3;
  const high = Math.max(Math.log10(Math.max(...values, 1e-9)), low + 1);
  const room = width - labelWidth - valueWidth - 60;
  const length = (one: number): number => (one <= 0 ? 0 : ((Math.log10(one) - low) / (high - low)) * room);
  const height = rowHeight + 8;
  const body = rows.map((row, index) => {
    const y = index * height + 4;
    const longest = Math.max(length(row.before), length(row.after));
    return [
      `<text x="${labelWidth - 10}" y="${y + 15}" text-anchor="end" class="name">${html(cut(row.name))}</text>`,
      bar({ x: labelWidth, y, length: length(row.before), color: 'var(--b)', title: `${row.name} before`, thick: 10 }),
      bar({
        x: labelWidth,
        y: y + 11,
        length: length(row.after),
        color: 'var(--a)',
        title: `${row.name} after`,
        thick: 10,
      }),
      `<text x="${(labelWidth + longest + 8).toFixed(1)}" y="${y + 15}">${html(row.text)}</text>`,
    ].join('');
  });
  const keys: [string, string][] = [
    ['before', 'var(--b)'],
    ['after', 'var(--a)'],
  ];
  return chart(`${title} (logarithmic)`, keys, body, rows.length * height);
}

function bar(shape: { x: number; y: number; length: number; color: string; title: string; thick?: number }): string {
  const { x, y, length, color, title, thick = barHeight } = shape;
  if (length <= 0) return '';
  return `<rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(1, length).toFixed(1)}" height="${thick}" fill="${color}"><title>${html(title)}</title></rect>`;
}

function label(name: string, index: number): string {
  return `<text x="${labelWidth - 10}" y="${index * rowHeight + 16}" text-anchor="end">${html(cut(name))}</text>`;
}

function value(text: string, x: number, index: number): string {
  return `<text x="${(x + 8).toFixed(1)}" y="${index * rowHeight + 16}">${html(text)}</text>`;
}

function cut(name: string): string {
  const letters = [...name];
  return letters.length <= 34 ? name : `${letters.slice(0, 33).join('')}…`;
}

function chart(
  title: string,
  keys: readonly (readonly [string, string])[],
  body: readonly string[],
  height: number,
): string {
  if (body.length === 0) return '';
  const legend = keys
    .map(([text, color]) => `<span class="key" style="background:${color}"></span>${html(text)}`)
    .join('');
  return `<figure><figcaption>${html(title)}${legend}</figcaption><svg class="wide" viewBox="0 0 ${width} ${height + 6}" role="img" aria-label="${html(title)}">${body.join('')}</svg></figure>`;
}
