// Charts over time, drawn by uPlot (window.uPlot), all with one time axis and one cursor.
import { bytes, count, element, percent, rate } from './format.js';

const { uPlot } = window;

/** The charts of the page. `live` takes the value from an event, `name` from the history. */
export const definitions = [
  {
    title: 'Commits',
    unit: rate,
    note: 'per second',
    series: [{ name: 'commits_total', label: 'commits', live: ({ point }) => point?.commits }],
  },
  {
    title: 'WAL frames',
    unit: rate,
    note: 'per second',
    series: [
      { name: 'wal_frames_total', label: 'written', live: ({ point }) => point?.frames },
      { name: 'checkpointed_frames_total', label: 'checkpointed', live: ({ point }) => point?.checkpointedFrames },
    ],
  },
  {
    title: 'WAL',
    unit: bytes,
    series: [
      { name: 'wal_backlog_bytes', label: 'behind', live: ({ sample }) => sample.backlogBytes },
      { name: 'wal_file_bytes', label: 'file', live: ({ sample }) => sample.walFileBytes },
    ],
  },
  {
    title: 'Write lock',
    unit: percent,
    note: 'of the looks it was held',
    series: [{ name: 'write_lock_busy_ratio', label: 'busy', live: ({ sample }) => sample.writeLockBusyRatio }],
  },
  {
    title: 'Database file',
    unit: bytes,
    series: [{ name: 'database_bytes', label: 'size', live: ({ sample }) => sample.databaseBytes }],
  },
  {
    title: 'Processes',
    unit: count,
    series: [{ name: 'connected_processes', label: 'connected', live: ({ sample }) => sample.connectedProcesses }],
  },
];

export const seriesNames = definitions.flatMap(({ series }) => series.map(({ name }) => name));

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** One chart in a figure of its own. */
export class Chart {
  #plot;
  #definition;
  #keys;
  #host;
  #figure;
  #onZoom;
  #data = [[]];
  #observer;
  #dragging = false;
  #letGo = () => {
    this.#dragging = false;
  };

  constructor(definition, onZoom) {
    this.#definition = definition;
    this.#onZoom = onZoom;
    this.#keys = definition.series.map(({ label }, index) => {
      const key = element('span', { class: index === 0 ? 'key' : 'key second' }, `${label} `, element('b', {}, '–'));
      key.style.setProperty('--mark', `var(${index === 0 ? '--accent' : '--second'})`);
      return key;
    });
    this.#host = element('div', {
      class: 'plot',
      onmousedown: () => {
        this.#dragging = true;
      },
    });
    window.addEventListener('mouseup', this.#letGo);
    const note = definition.note === undefined ? [] : [element('span', { class: 'hint' }, definition.note)];
    this.#figure = element(
      'div',
      { class: 'chart', role: 'img' },
      element('h3', {}, definition.title, ...note, ...this.#keys),
      this.#host,
    );
    this.#observer = new ResizeObserver(() => {
      const width = this.#host.clientWidth;
      if (width > 0 && width !== this.#plot?.width) this.#plot?.setSize({ width, height: 158 });
    });
  }

  get figure() {
    return this.#figure;
  }

  /** Anew, because a canvas does not follow the colours of the page. */
  build() {
    this.#plot?.destroy();
    this.#observer.observe(this.#host);
    const { unit, series } = this.#definition;
    const soft = colour('--soft');
    const grid = { stroke: colour('--line'), width: 1 };
    const axis = { stroke: soft, grid, ticks: { show: false }, font: '11px system-ui, sans-serif' };
    const options = {
      width: Math.max(200, this.#host.clientWidth),
      height: 158,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
      legend: { show: false },
      padding: [8, 4, 0, 0],
      cursor: { sync: { key: 'time' }, drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
      scales: { x: { time: true }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] } },
      axes: [
        { ...axis, space: 70, size: 26, values: (_, ticks) => ticks.map((seconds) => tickText(seconds, ticks)) },
        { ...axis, size: 66, space: 34, values: (_, values) => values.map((value) => unit(value)) },
      ],
      series: [{}, ...series.map(({ label }, index) => lineOf(label, index))],
      hooks: {
        setCursor: [({ cursor }) => this.#showKeys(cursor.idx)],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width < 8) return;
            const at = (position) => Math.round(plot.posToVal(position, 'x') * 1000);
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            this.#onZoom?.(at(left), at(left + width));
          },
        ],
      },
    };
    this.#plot = new uPlot(options, this.#data, this.#host);
  }

  /** times in seconds; values by the name of the series; `window` is what the time axis shows. */
  draw(times, values, window) {
    // Drawing anew would take the selection away from under the hand.
    if (this.#dragging) return;
    this.#data = [times, ...this.#definition.series.map(({ name }) => values[name] ?? times.map(() => null))];
    this.#plot.setData(this.#data, false);
    this.#plot.batch(() => {
      this.#plot.setScale('x', { min: window.from / 1000, max: window.to / 1000 });
    });
    this.#showKeys(this.#plot.cursor.idx);
    this.#describe();
  }

  destroy() {
    window.removeEventListener('mouseup', this.#letGo);
    this.#observer.disconnect();
    this.#plot?.destroy();
  }

  /** The values under the cursor, or the newest. */
  #showKeys(index) {
    this.#keys.forEach((key, at) => {
      const values = this.#data[at + 1] ?? [];
      const value = index === null || index === undefined ? newest(values) : values[index];
      key.querySelector('b').textContent = value === null || value === undefined ? '–' : this.#definition.unit(value);
    });
  }

  #describe() {
    const { title, unit, series } = this.#definition;
    const parts = series.map(({ label }, at) => {
      const values = (this.#data[at + 1] ?? []).filter((value) => value !== null && value !== undefined);
      return values.length === 0
        ? `${label}: no data`
        : `${label}: now ${unit(values.at(-1))}, most ${unit(Math.max(...values))}`;
    });
    this.#figure.setAttribute('aria-label', `${title}. ${parts.join('. ')}`);
  }
}

/** Times of a day, days where the range is longer; UTC. */
function tickText(seconds, ticks) {
  const text = new Date(seconds * 1000).toISOString();
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 60;
  if (step >= 86_400 || (seconds % 86_400 === 0 && step >= 3600)) return text.slice(5, 10);
  return step < 60 ? text.slice(11, 19) : text.slice(11, 16);
}

function lineOf(label, index) {
  const stroke = colour(index === 0 ? '--accent' : '--second');
  // The second line is dashed: colour is never the only sign.
  const own = index === 0 ? { fill: `${stroke}1f` } : { dash: [5, 3] };
  return { label, stroke, width: 1.6, spanGaps: false, points: { show: false }, ...own };
}

function newest(values) {
  for (let index = values.length - 1; index >= 0; index -= 1) {
    if (values[index] !== null && values[index] !== undefined) return values[index];
  }
  return null;
}
