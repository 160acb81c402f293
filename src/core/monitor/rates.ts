import type { Sample } from './sample.ts';

/** What happened within one second of the samples. */
export interface SecondPoint {
  readonly commits: number;
  readonly frames: number;
  readonly checkpointedFrames: number;
  readonly resets: number;
  readonly backlogBytes: number;
}

export interface Rates {
  readonly commitsPerSecond: number;
  readonly framesPerSecond: number;
  readonly walResetsPerMinute: number;
  readonly checkpointedFramesPerSecond: number;
}

export const noRates: Rates = {
  commitsPerSecond: 0,
  framesPerSecond: 0,
  walResetsPerMinute: 0,
  checkpointedFramesPerSecond: 0,
};

const keptSeconds = 120;
/** Rates per object are averaged over this many seconds. */
const objectSeconds = 5;

/** Tables and indexes have names of their own kind. */
export function objectKey({ kind, object }: { readonly kind: string; readonly object: string }): string {
  return `${kind} ${object}`;
}

/** Turns counters into rates: one point per full second, and the rates of the last few. Never negative. */
export class RateWindow {
  #first: Sample | undefined;
  #secondStart: Sample | undefined;
  #latest: Sample | undefined;
  readonly #points: SecondPoint[] = [];
  readonly #marks: Sample[] = [];
  /** When a checkpoint was last seen to make progress. */
  #lastCheckpointAt: string | undefined;

  add(sample: Sample): void {
    const previous = this.#latest;
    if (previous !== undefined && sample.checkpoints > previous.checkpoints) this.#lastCheckpointAt = sample.at;
    this.#first ??= sample;
    this.#latest = sample;
    const start = this.#secondStart ?? sample;
    this.#secondStart ??= sample;
    const seconds = (sample.monotonicMs - start.monotonicMs) / 1000;
    if (seconds < 1) return;
    const rate = (of: (s: Sample) => number): number => Math.max(0, (of(sample) - of(start)) / seconds);
    this.#points.push({
      commits: rate((s) => s.commits),
      frames: rate((s) => s.frames),
      checkpointedFrames: rate((s) => s.checkpointedFrames),
      resets: Math.max(0, sample.walResets - start.walResets),
      backlogBytes: sample.backlogBytes,
    });
    if (this.#points.length > keptSeconds) this.#points.shift();
    this.#marks.push(start);
    if (this.#marks.length > objectSeconds) this.#marks.shift();
    this.#secondStart = sample;
  }

  get latest(): Sample | undefined {
    return this.#latest;
  }

  get points(): readonly SecondPoint[] {
    return this.#points;
  }

  /** Frames per second by `kind name`, of objects that are written to. */
  get objectRates(): Record<string, number> {
    const rates: Record<string, number> = {};
    const [from = this.#first] = this.#marks;
    const to = this.#latest;
    if (from === undefined || to === undefined || to.monotonicMs <= from.monotonicMs) return rates;
    const before = new Map(from.objects.map((entry) => [objectKey(entry), entry.frames]));
    for (const entry of to.objects) {
      const frames = entry.frames - (before.get(objectKey(entry)) ?? 0);
      if (frames > 0) rates[objectKey(entry)] = (frames * 1000) / (to.monotonicMs - from.monotonicMs);
    }
    return rates;
  }

  get lastCheckpointAt(): string | undefined {
    return this.#lastCheckpointAt;
  }

  /** Commits since the first sample, and how long that is. */
  get total(): { readonly commits: number; readonly seconds: number } {
    const { first, latest } = { first: this.#first, latest: this.#latest };
    if (first === undefined || latest === undefined) return { commits: 0, seconds: 0 };
    return { commits: latest.commits - first.commits, seconds: (latest.monotonicMs - first.monotonicMs) / 1000 };
  }

  /** Over the last second, or over what there is in the first one. */
  get rates(): Rates {
    const last = this.#points.at(-1);
    const { commits, seconds } = this.total;
    if (last === undefined) return { ...noRates, commitsPerSecond: seconds > 0 ? Math.max(0, commits / seconds) : 0 };
    const minute = this.#points.slice(-60);
    const resets = minute.reduce((sum, point) => sum + point.resets, 0);
    return {
      commitsPerSecond: last.commits,
      framesPerSecond: last.frames,
      walResetsPerMinute: resets * (60 / minute.length),
      checkpointedFramesPerSecond: last.checkpointedFrames,
    };
  }
}
