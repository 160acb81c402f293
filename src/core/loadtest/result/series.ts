import { LatencyHistogram } from '../../statistics/latency-histogram.ts';
import type { IntervalSample } from '../child/protocol.ts';

/** One interval of the run over all clients. Latencies are microseconds. */
export interface SeriesRow {
  readonly phase: 'warmup' | 'measure';
  /** Start of the interval, seconds from the start of the phase. */
  readonly second: number;
  readonly count: number;
  readonly perSecond: number;
  readonly failed: number;
  readonly serviceP50Us: number;
  readonly serviceP99Us: number;
  readonly responseP50Us: number | null;
  readonly responseP99Us: number | null;
  readonly late: number;
  readonly dropped: number;
  readonly walBytes: number;
}

interface OpenRow {
  readonly service: LatencyHistogram;
  readonly response: LatencyHistogram;
  failed: number;
  late: number;
  dropped: number;
  walBytes: number;
  /** Time covered, by client. */
  readonly spansMs: Map<number, number>;
}

/** Collects the intervals of one phase; a row is finished once every client has gone past it. */
export class Series {
  readonly rows: SeriesRow[] = [];
  readonly #phase: 'warmup' | 'measure';
  readonly #intervalMs: number;
  readonly #onRow: (row: SeriesRow) => void;
  readonly #open = new Map<number, OpenRow>();
  /** The newest interval each client has sent. */
  readonly #reached: number[];

  constructor(phase: 'warmup' | 'measure', clients: number, intervalMs: number, onRow: (row: SeriesRow) => void) {
    this.#phase = phase;
    this.#intervalMs = intervalMs;
    this.#onRow = onRow;
    this.#reached = Array.from({ length: clients }, () => -1);
  }

  add(client: number, sample: IntervalSample, walBytes: number): void {
    let row = this.#open.get(sample.index);
    if (row === undefined) {
      row = {
        service: new LatencyHistogram(),
        response: new LatencyHistogram(),
        failed: 0,
        late: 0,
        dropped: 0,
        walBytes,
        spansMs: new Map(),
      };
      this.#open.set(sample.index, row);
    }
    row.service.merge(LatencyHistogram.fromJSON(sample.service));
    row.response.merge(LatencyHistogram.fromJSON(sample.response));
    row.spansMs.set(client, (row.spansMs.get(client) ?? 0) + sample.spanMs);
    row.failed += sample.failed;
    row.late += sample.late;
    row.dropped += sample.dropped;
    row.walBytes = Math.max(row.walBytes, walBytes);
    this.#reached[client] = Math.max(this.#reached[client] ?? -1, sample.index);
    // The newest interval of a client may still get a second part, so only those before it are sure to be whole.
    this.#finishBelow(Math.min(...this.#reached));
  }

  finish(): void {
    this.#finishBelow(Number.POSITIVE_INFINITY);
  }

  #finishBelow(limit: number): void {
    for (const index of [...this.#open.keys()].filter((key) => key < limit).sort((a, b) => a - b)) {
      const row = this.#finished(index, this.#open.get(index) as OpenRow);
      this.#open.delete(index);
      this.rows.push(row);
      this.#onRow(row);
    }
  }

  #finished(index: number, row: OpenRow): SeriesRow {
    const us = (histogram: LatencyHistogram, percent: number): number => histogram.percentileNs(percent) / 1000;
    const { service, response } = row;
    const spanMs = Math.max(...row.spansMs.values());
    return {
      phase: this.#phase,
      second: (index * this.#intervalMs) / 1000,
      count: service.count,
      perSecond: spanMs === 0 ? 0 : (service.count / spanMs) * 1000,
      failed: row.failed,
      serviceP50Us: us(service, 50),
      serviceP99Us: us(service, 99),
      responseP50Us: response.count === 0 ? null : us(response, 50),
      responseP99Us: response.count === 0 ? null : us(response, 99),
      late: row.late,
      dropped: row.dropped,
      walBytes: row.walBytes,
    };
  }
}

const columns = [
  'phase',
  'second',
  'count',
  'perSecond',
  'failed',
  'serviceP50Us',
  'serviceP99Us',
  'responseP50Us',
  'responseP99Us',
  'late',
  'dropped',
  'walBytes',
] as const satisfies readonly (keyof SeriesRow)[];

/** The rows as CSV with a header line, or as one JSON object a line. */
export function formatSeries(rows: readonly SeriesRow[], form: 'csv' | 'ndjson'): string {
  if (form === 'ndjson') return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const lines = rows.map((row) => columns.map((column) => row[column] ?? '').join(','));
  return `${[columns.join(','), ...lines].join('\n')}\n`;
}
