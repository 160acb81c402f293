/**
 * Log-linear histogram of latencies in nanoseconds: the bucket of a value is the top of its float64 bit pattern, so
 * recording needs neither a logarithm nor a search. Seven mantissa bits give a relative error of at most 1/128.
 */

const mantissaBits = 7;
const bucketCount = 8192;
/** Bits of the float64 high word below the kept mantissa. */
const shift = 20 - mantissaBits;
/** Bucket number of the value 1: its biased exponent is 1023. */
const origin = 1023 << mantissaBits;

const floats = new Float64Array(1);
const words = new Uint32Array(floats.buffer);
/** Which 32-bit word of a float64 holds sign, exponent and the top of the mantissa on this machine. */
const highWord = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;

export interface HistogramJson {
  readonly unit: 'ns';
  readonly encoding: 'float64-high-word';
  readonly mantissaBits: 7;
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly sum: number;
  /** Bucket number and count, in order, empty buckets left out. */
  readonly buckets: readonly (readonly [number, number])[];
}

function bucketOf(ns: number): number {
  floats[0] = ns;
  const index = ((words[highWord] as number) >>> shift) - origin;
  // Zero, fractions of a nanosecond and negative values (their sign bit makes the index huge) are kept as 0.
  if (index < 0 || !(ns > 0)) return 0;
  return index < bucketCount ? index : bucketCount - 1;
}

/** The smallest value that no longer belongs to bucket `index`. */
export function bucketUpperEdge(index: number): number {
  words[1 - highWord] = 0;
  words[highWord] = (index + 1 + origin) * 2 ** shift;
  return floats[0] as number;
}

export class LatencyHistogram {
  readonly #buckets = new Uint32Array(bucketCount);
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  /** Exact; 0 when nothing was recorded. */
  get min(): number {
    return this.#count === 0 ? 0 : this.#min;
  }

  /** Exact; 0 when nothing was recorded. */
  get max(): number {
    return this.#max;
  }

  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  /** Adds one latency in nanoseconds. */
  record(ns: number): void {
    const bucket = bucketOf(ns);
    (this.#buckets[bucket] as number) += 1;
    this.#count += 1;
    this.#sum += ns;
    if (ns < this.#min) this.#min = ns;
    if (ns > this.#max) this.#max = ns;
  }

  /** The latency in nanoseconds that `fraction` of the values do not exceed: the upper edge of its bucket, at most max. */
  percentile(fraction: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.max(1, Math.ceil(fraction * this.#count - 1e-9));
    let seen = 0;
    for (let index = 0; index < bucketCount; index++) {
      seen += this.#buckets[index] as number;
      if (seen >= rank) return Math.max(this.#min, Math.min(bucketUpperEdge(index), this.#max));
    }
    return this.#max;
  }

  /** How many values lie in buckets whose upper edge is above `ns`. */
  countAbove(ns: number): number {
    let sum = 0;
    for (let index = bucketOf(ns) + 1; index < bucketCount; index++) sum += this.#buckets[index] as number;
    return sum;
  }

  /** Adds everything of `other`; the same result as recording its values here. */
  merge(other: LatencyHistogram): void {
    for (let index = 0; index < bucketCount; index++) {
      (this.#buckets[index] as number) += other.#buckets[index] as number;
    }
    this.#count += other.#count;
    this.#sum += other.#sum;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
  }

  clear(): void {
    this.#buckets.fill(0);
    this.#count = 0;
    this.#sum = 0;
    this.#min = Number.POSITIVE_INFINITY;
    this.#max = 0;
  }

  /** Bucket numbers with their counts, empty ones left out. */
  buckets(): [number, number][] {
    const found: [number, number][] = [];
    for (let index = 0; index < bucketCount; index++) {
      const count = this.#buckets[index] as number;
      if (count > 0) found.push([index, count]);
    }
    return found;
  }

  toJSON(): HistogramJson {
    return {
      unit: 'ns',
      encoding: 'float64-high-word',
      mantissaBits,
      count: this.#count,
      min: this.min,
      max: this.#max,
      sum: this.#sum,
      buckets: this.buckets(),
    };
  }

  static fromJSON(json: HistogramJson): LatencyHistogram {
    const histogram = new LatencyHistogram();
    for (const [index, count] of json.buckets) histogram.#buckets[index] = count;
    histogram.#count = json.count;
    histogram.#sum = json.sum;
    histogram.#min = json.count === 0 ? Number.POSITIVE_INFINITY : json.min;
    histogram.#max = json.max;
    return histogram;
  }
}
