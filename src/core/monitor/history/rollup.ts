import { type Bucket, bucketMs, type Level, mergeBuckets } from './level.ts';

/** One value of a series at a moment. A counter grows for ever; its history holds the growth per second. */
export interface Reading {
  readonly series: string;
  readonly type: 'counter' | 'gauge';
  readonly value: number;
  /** Kept per minute and hour only, because there are many of them. */
  readonly coarse: boolean;
}

export interface PendingBucket extends Bucket {
  readonly level: Level;
  readonly series: string;
}

/** A growth over a longer gap than this is not spread: nobody knows when in it things happened. */
const longestSpreadSeconds = 120;

interface Second {
  readonly second: number;
  readonly values: Map<string, Omit<Bucket, 'bucket'> & { readonly coarse: boolean }>;
}

/**
 * Turns readings into buckets of every level. Pure but for its own memory: what it has made is taken with `drain`, and
 * merged with what is stored by adding up.
 */
export class Rollup {
  readonly #lastValues = new Map<string, number>();
  #lastSecond: number | undefined;
  #open: Second | undefined;
  #pending = new Map<string, PendingBucket>();

  /** `atMs` never goes back (see HistoryClock). A counter that begins anew grows by nothing, never by less. */
  add(atMs: number, readings: readonly Reading[]): void {
    const second = Math.floor(atMs / 1000);
    if (this.#open !== undefined && this.#open.second !== second) this.#close();
    this.#open ??= { second, values: new Map() };
    for (const reading of readings) {
      if (reading.type === 'gauge') this.#addValue(reading, reading.value, reading.value);
      else this.#addGrowth(reading, second);
    }
    this.#lastSecond = second;
  }

  /** Closes the running second too: for the end of the service. */
  finish(): void {
    this.#close();
  }

  /** What is complete and not yet taken. */
  drain(): PendingBucket[] {
    const taken = [...this.#pending.values()];
    this.#pending = new Map();
    return taken;
  }

  #addGrowth(reading: Reading, second: number): void {
    const { series, value, coarse } = reading;
    const before = this.#lastValues.get(series);
    this.#lastValues.set(series, value);
    const growth = before === undefined ? 0 : Math.max(0, value - before);
    const gap = this.#lastSecond === undefined ? 1 : second - this.#lastSecond;
    if (gap <= 1 || growth === 0 || gap > longestSpreadSeconds) {
      this.#addValue(reading, growth, undefined);
      return;
    }
    // The sampler was late: what happened meanwhile belongs to all of these seconds.
    for (let missed = second - gap + 1; missed < second; missed++) {
      const share = growth / gap;
      this.#merge(series, missed, { min: share, max: share, sum: share, count: 1 }, coarse);
    }
    this.#addValue(reading, growth / gap, undefined);
  }

  /** Within a second a counter adds up to one value, a gauge keeps all of its values. */
  #addValue({ series, coarse }: Reading, value: number, gauge: number | undefined): void {
    const values = this.#open?.values;
    if (values === undefined || !Number.isFinite(value)) return;
    const known = values.get(series);
    if (known === undefined) values.set(series, { min: value, max: value, sum: value, count: 1, coarse });
    else if (gauge === undefined) {
      const sum = known.sum + value;
      values.set(series, { min: sum, max: sum, sum, count: 1, coarse });
    } else {
      const { min, max, sum, count } = mergeBuckets(
        { ...known, bucket: 0 },
        { min: value, max: value, sum: value, count: 1 },
      );
      values.set(series, { min, max, sum, count, coarse });
    }
  }

  #close(): void {
    if (this.#open === undefined) return;
    const { second, values } = this.#open;
    this.#open = undefined;
    for (const [series, { coarse, ...value }] of values) this.#merge(series, second, value, coarse);
  }

  #merge(series: string, second: number, value: Omit<Bucket, 'bucket'>, coarse: boolean): void {
    for (const level of coarse ? (['minute', 'hour'] as const) : (['second', 'minute', 'hour'] as const)) {
      const bucket = Math.floor((second * 1000) / bucketMs[level]);
      const key = `${level} ${bucket} ${series}`;
      const known = this.#pending.get(key);
      const merged = known === undefined ? { bucket, ...value } : mergeBuckets(known, value);
      this.#pending.set(key, { level, series, ...merged });
    }
  }
}
