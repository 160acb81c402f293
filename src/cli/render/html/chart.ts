import { html } from './page.ts';

/** Charts as inline SVG: they need no script and print well. */

export interface Line {
  readonly label: string;
  /** Name of a colour of the page. */
  readonly color: 'a' | 'b' | 'c' | 'ok' | 'critical';
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Points alone, which have no order. */
  readonly isScattered?: boolean;
}

export interface ChartOptions {
  readonly title: string;
  readonly formatX: (value: number) => string;
  readonly formatY: (value: number) => string;
  readonly logarithmic?: boolean;
}

const width = 520;
const height = 220;
const left = 58;
const right = 12;
const top = 10;
const bottom = 26;

export function lineChart(lines: readonly Line[], options: ChartOptions): string {
  const points = lines.flatMap((line) => line.points);
  if (points.length === 0) return '';
  const scaleX = linear(
    points.map(([x]) => x),
    left,
    width - right,
  );
  const ys = points.map(([, y]) => y);
  const scaleY = options.logarithmic === true ? logarithmic(ys) : fromZero(ys);
  const paths = lines.map(({ points: list, color, label, isScattered = false }) => {
    const d = list.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${scaleX.at(x)} ${scaleY.at(y)}`).join('');
    const dots = list
      .map(([x, y]) => {
        const title = `${label} at ${options.formatX(x)}: ${options.formatY(y)}`;
        return `<circle cx="${scaleX.at(x)}" cy="${scaleY.at(y)}" r="${isScattered ? 4 : 2.5}" fill="var(--${color})"><title>${html(title)}</title></circle>`;
      })
      .join('');
    if (isScattered) return dots;
    return `<path d="${d}" fill="none" stroke="var(--${color})" stroke-width="1.8"/>${list.length <= 120 ? dots : ''}`;
  });
  const body = `${gridY(scaleY, options.formatY)}${labelsX(scaleX, options.formatX)}${paths.join('')}`;
  return figure(options.title, lines, body);
}

export interface Bar {
  readonly title: string;
  readonly height: number;
}

/** Bars side by side; `from` and `to` are written below both ends. */
export function barChart(bars: readonly Bar[], options: { title: string; from: string; to: string }): string {
  if (bars.length === 0) return '';
  const highest = Math.max(...bars.map((bar) => bar.height), 1);
  const step = (width - left - right) / bars.length;
  const shapes = bars.map((bar, index) => {
    const size = (bar.height / highest) * (height - top - bottom);
    const x = (left + index * step).toFixed(1);
    const y = (height - bottom - size).toFixed(1);
    return `<rect x="${x}" y="${y}" width="${Math.max(1, step - 1).toFixed(1)}" height="${size.toFixed(1)}" fill="var(--a)"><title>${html(bar.title)}</title></rect>`;
  });
  const base = height - bottom;
  const axis = `<line class="axis" x1="${left}" x2="${width - right}" y1="${base}" y2="${base}"/>`;
  const labels = `<text x="${left}" y="${height - 8}">${html(options.from)}</text><text x="${width - right}" y="${height - 8}" text-anchor="end">${html(options.to)}</text>`;
  return figure(options.title, [], `${axis}${shapes.join('')}${labels}`);
}

function figure(title: string, lines: readonly Line[], body: string): string {
  const keys = lines
    .map(({ label, color }) => `<span class="key" style="background:var(--${color})"></span>${html(label)}`)
    .join('');
  return `<figure><figcaption>${html(title)}${keys}</figcaption><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${html(title)}">${body}</svg></figure>`;
}

interface Scale {
  at(value: number): string;
  readonly ticks: readonly number[];
}

function linear(values: readonly number[], start: number, end: number): Scale {
  const low = Math.min(...values);
  const high = Math.max(...values, low + 1e-9);
  const at = (value: number): string => (start + ((value - low) / (high - low)) * (end - start)).toFixed(1);
  return { at, ticks: [low, (low + high) / 2, high] };
}

function fromZero(values: readonly number[]): Scale {
  const step = niceStep(Math.max(...values, 1e-9) / 4);
  const high = Math.ceil(Math.max(...values, step) / step) * step;
  const count = Math.round(high / step);
  return {
    at: (value) => (height - bottom - (value / high) * (height - top - bottom)).toFixed(1),
    ticks: Array.from({ length: count + 1 }, (_, index) => index * step),
  };
}

/** Powers of ten around the values; zero is drawn at the bottom. */
function logarithmic(values: readonly number[]): Scale {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...positive, 1e12)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive, 1))));
  return {
    at: (value) => {
      const share = (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low);
      return (height - bottom - share * (height - top - bottom)).toFixed(1);
    },
    ticks: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
  };
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = rough / power;
  return power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
}

function gridY(scale: Scale, format: (value: number) => string): string {
  return scale.ticks
    .map((tick) => {
      const y = scale.at(tick);
      return `<line class="grid" x1="${left}" x2="${width - right}" y1="${y}" y2="${y}"/><text x="${left - 6}" y="${Number(y) + 4}" text-anchor="end">${html(format(tick))}</text>`;
    })
    .join('');
}

function labelsX(scale: Scale, format: (value: number) => string): string {
  const anchors = ['start', 'middle', 'end'];
  return scale.ticks
    .map(
      (tick, index) =>
        `<text x="${scale.at(tick)}" y="${height - 8}" text-anchor="${anchors[index]}">${html(format(tick))}</text>`,
    )
    .join('');
}
