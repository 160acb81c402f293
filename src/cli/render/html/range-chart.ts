import { html } from './page.ts';

/** One row: a point with its interval, as relative changes (0.05 is 5 %). */
export interface Range {
  readonly label: string;
  readonly low: number;
  readonly middle: number;
  readonly high: number;
  /** Single measurements, drawn small behind the interval. */
  readonly points: readonly number[];
  readonly kind: 'ok' | 'warning' | 'critical' | 'info';
}

const width = 1040;
const left = 74;
const right = 74;
const rowHeight = 44;
const top = 12;
const bottom = 28;
/** What is further out than this and than every middle ends in an arrow: one disturbed pair must not press the rest together. */
const widest = 0.6;

/** Changes of several metrics on one scale around zero; the band is the change that does not count. */
export function rangeChart(ranges: readonly Range[], options: { title: string; band: number }): string {
  if (ranges.length === 0) return '';
  const middles = Math.max(...ranges.map(({ middle }) => Math.abs(middle)));
  const extent = Math.max(middles, Math.min(widest, Math.max(options.band * 2, ...ranges.flatMap(edges)))) * 1.1;
  // Nothing falls by more than all of it.
  const least = -Math.min(extent, 1);
  const height = top + ranges.length * rowHeight + bottom;
  const x = (value: number): string => {
    const clamped = Math.max(least, Math.min(extent, value));
    return (left + ((clamped - least) / (extent - least)) * (width - left - right)).toFixed(1);
  };
  const percent = (value: number): string => `${value > 0 ? '+' : ''}${(value * 100).toFixed(1)}%`;
  const bandWidth = (Number(x(options.band)) - Number(x(-options.band))).toFixed(1);
  const axis = `<rect x="${x(-options.band)}" y="${top}" width="${bandWidth}" height="${ranges.length * rowHeight}" fill="var(--line)" opacity="0.5"/>
<line class="axis" x1="${x(0)}" x2="${x(0)}" y1="${top}" y2="${height - bottom}"/>`;
  const ticks = [least, least / 2, 0, extent / 2, extent].map(
    (value) => `<text x="${x(value)}" y="${height - 8}" text-anchor="middle">${percent(value)}</text>`,
  );
  const rows = ranges.map((range, index) => {
    const y = top + index * rowHeight + rowHeight / 2;
    const color = `var(--${range.kind === 'info' ? 'soft' : range.kind})`;
    const title = `${range.label}: ${percent(range.middle)}, ${percent(range.low)} .. ${percent(range.high)}`;
    const dots = range.points
      .filter((point) => Math.abs(point) <= extent)
      .map((point) => `<circle cx="${x(point)}" cy="${y}" r="3" fill="var(--a)" opacity="0.35"/>`);
    const arrows = [
      ...new Set([range.low, range.high, ...range.points].filter((value) => Math.abs(value) > extent).map(Math.sign)),
    ].map((way) => `<path d="M${x(way * extent)} ${y - 5}l${way * 8} 5l${way * -8} 5z" fill="${color}"/>`);
    return `<g><title>${html(title)}</title><text x="${left - 10}" y="${y + 4}" text-anchor="end">${html(range.label)}</text>${dots.join('')}
<line x1="${x(range.low)}" x2="${x(range.high)}" y1="${y}" y2="${y}" stroke="${color}" stroke-width="3"/><circle cx="${x(range.middle)}" cy="${y}" r="6" fill="${color}"/>${arrows.join('')}</g>`;
  });
  return `<figure><figcaption>${html(options.title)}</figcaption><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${html(options.title)}">${axis}${rows.join('')}${ticks.join('')}</svg></figure>`;
}

function edges({ low, high, middle, points }: Range): number[] {
  return [low, high, middle, ...points].map(Math.abs);
}
