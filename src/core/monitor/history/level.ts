/** Resolutions of the history, finest first; the position is the number in the file. */
export const levels = ['second', 'minute', 'hour'] as const;
export type Level = (typeof levels)[number];

/** Length of one bucket of each level in milliseconds. */
export const bucketMs: Readonly<Record<Level, number>> = { second: 1000, minute: 60_000, hour: 3_600_000 };

/** How many buckets each level keeps. */
export type RingLengths = Readonly<Record<Level, number>>;

/** Values that fell into one bucket. Sum and count make averages exact across levels. */
export interface Bucket {
  /** Number of the bucket: time since 1970 divided by its length. */
  readonly bucket: number;
  readonly min: number;
  readonly max: number;
  readonly sum: number;
  readonly count: number;
}

export function mergeBuckets(a: Bucket, b: Omit<Bucket, 'bucket'>): Bucket {
  return {
    bucket: a.bucket,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    sum: a.sum + b.sum,
    count: a.count + b.count,
  };
}
