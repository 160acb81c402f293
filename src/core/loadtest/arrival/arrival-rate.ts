/** A piece of the load: the rate moves in a straight line from `from` to `to` per second. */
export interface RateStage {
  readonly durationMs: number;
  readonly from: number;
  readonly to: number;
}

/** The expected number of arrivals as a function of time, and back. Times are milliseconds from the epoch. */
export class RateProfile {
  readonly #stages: readonly RateStage[];
  readonly durationMs: number;
  /** Arrivals over the whole profile. */
  readonly total: number;
  #stage = 0;
  #startMs = 0;
  #before = 0;

  constructor(stages: readonly RateStage[]) {
    this.#stages = stages;
    this.durationMs = stages.reduce((sum, stage) => sum + stage.durationMs, 0);
    this.total = stages.reduce((sum, stage) => sum + stageTotal(stage), 0);
  }

  /** The time at which `count` arrivals are expected; infinite beyond the end. Quick for ascending counts. */
  timeOf(count: number): number {
    if (count < this.#before) this.#rewind();
    for (;;) {
      const stage = this.#stages[this.#stage];
      if (stage === undefined) return Number.POSITIVE_INFINITY;
      const here = stageTotal(stage);
      if (count < this.#before + here) return this.#startMs + timeWithin(stage, count - this.#before);
      this.#before += here;
      this.#startMs += stage.durationMs;
      this.#stage += 1;
    }
  }

  #rewind(): void {
    this.#stage = 0;
    this.#startMs = 0;
    this.#before = 0;
  }

  /** Rate per second at a time. */
  rateAt(ms: number): number {
    let startMs = 0;
    for (const stage of this.#stages) {
      if (ms < startMs + stage.durationMs) {
        return stage.from + ((stage.to - stage.from) * (ms - startMs)) / stage.durationMs;
      }
      startMs += stage.durationMs;
    }
    return 0;
  }
}

function stageTotal(stage: RateStage): number {
  return (((stage.from + stage.to) / 2) * stage.durationMs) / 1000;
}

/** Solves from*t + slope*t^2/2 = count for t, in the form that stays exact for a flat stage. */
function timeWithin(stage: RateStage, count: number): number {
  const from = stage.from / 1000;
  const slope = (stage.to - stage.from) / 1000 / stage.durationMs;
  const root = Math.sqrt(Math.max(0, from * from + 2 * slope * count));
  const sum = from + root;
  return sum === 0 ? 0 : Math.min(stage.durationMs, (2 * count) / sum);
}
