/**
 * The highest rate that holds a limit, as an interval. Repetition beats length: every rate is decided by the majority
 * of short trials, and the ends are tried again afterwards instead of stepping down, which would bias the result.
 */

export interface KneeTrial {
  readonly ratePerSecond: number;
  readonly passed: boolean;
  /** Seconds of load that the trial took. */
  readonly seconds: number;
}

export interface KneeOptions {
  readonly low: number;
  readonly high: number;
  /** The bisection ends when the ends are this near: 0.03 is a ratio of 1.03. */
  readonly precision: number;
  /** Trials that decide a rate; odd. */
  readonly repeats: number;
  /** Seconds of load over all trials. */
  readonly maxLoadSeconds: number;
}

export interface KneeResult {
  /** Highest rate that passed; null when none did. */
  readonly lowPerSecond: number | null;
  /** Lowest rate that failed; null when none did. */
  readonly highPerSecond: number | null;
  /** The knee may lie below the lowest rate that was allowed. */
  readonly lowOpen: boolean;
  /** The knee may lie above the highest rate that was allowed. */
  readonly highOpen: boolean;
  /** Geometric middle of the interval; null when an end is open. */
  readonly estimatePerSecond: number | null;
  readonly secondsOfLoad: number;
  /** False when the load ran out before the ends were near enough and had been tried again. */
  readonly converged: boolean;
}

type RunTrial = (ratePerSecond: number) => Promise<KneeTrial>;

/** Further trials of each end after the bisection. */
const widenTrials = 3;
/** How often the ends may move outward. */
const widenSteps = 6;

export async function findKnee(options: KneeOptions, runTrial: RunTrial): Promise<KneeResult> {
  return new KneeSearch(options, runTrial).run();
}

class KneeSearch {
  readonly #options: KneeOptions;
  readonly #runTrial: RunTrial;
  readonly #votes = new Map<number, { passes: number; fails: number }>();
  #seconds = 0;

  constructor(options: KneeOptions, runTrial: RunTrial) {
    this.#options = options;
    this.#runTrial = runTrial;
  }

  async run(): Promise<KneeResult> {
    let { low, high } = this.#options;
    while (high / low > 1 + this.#options.precision && !this.#exhausted()) {
      const middle = Math.sqrt(low * high);
      if (await this.#passes(middle)) low = middle;
      else high = middle;
    }
    // An end that the bisection never met is only what the operator, or the probe, supposed.
    if (!this.#votes.has(low) && !(await this.#passes(low))) return this.#result({ high: low, lowOpen: true });
    if (!this.#votes.has(high) && (await this.#passes(high))) return this.#result({ low: high, highOpen: true });
    const near = high / low <= 1 + this.#options.precision * 1.001;
    return this.#widen(low, high, near);
  }

  async #widen(fromLow: number, fromHigh: number, near: boolean): Promise<KneeResult> {
    const step = 1 + this.#options.precision;
    let low = fromLow;
    let high = fromHigh;
    let lowSettled = false;
    let highSettled = false;
    for (let steps = 0; steps < widenSteps && !(lowSettled && highSettled) && !this.#exhausted(); steps++) {
      if (!lowSettled) {
        lowSettled = await this.#keeps(low, true);
        if (!lowSettled) low /= step;
      }
      if (!highSettled && !this.#exhausted()) {
        highSettled = await this.#keeps(high, false);
        if (!highSettled) high *= step;
      }
    }
    return this.#result({ low, high, converged: near && lowSettled && highSettled });
  }

  /** Majority of the repeats; the last ones are spared once the rest cannot change it. */
  async #passes(rate: number): Promise<boolean> {
    const needed = Math.floor(this.#options.repeats / 2) + 1;
    let passes = 0;
    let fails = 0;
    while (passes < needed && fails < needed) {
      if (await this.#try(rate)) passes += 1;
      else fails += 1;
      if (this.#exhausted()) break;
    }
    return passes > fails;
  }

  /** Whether all votes about this end, with three more, still say what it was chosen for. */
  async #keeps(rate: number, shouldPass: boolean): Promise<boolean> {
    for (let trial = 0; trial < widenTrials && !this.#exhausted(); trial++) await this.#try(rate);
    const { passes, fails } = this.#votes.get(rate) ?? { passes: 0, fails: 0 };
    return shouldPass ? passes > fails : fails > passes;
  }

  async #try(rate: number): Promise<boolean> {
    const { passed, seconds } = await this.#runTrial(rate);
    this.#seconds += seconds;
    const votes = this.#votes.get(rate) ?? { passes: 0, fails: 0 };
    if (passed) votes.passes += 1;
    else votes.fails += 1;
    this.#votes.set(rate, votes);
    return passed;
  }

  #exhausted(): boolean {
    return this.#seconds >= this.#options.maxLoadSeconds;
  }

  #result(parts: {
    readonly low?: number;
    readonly high?: number;
    readonly lowOpen?: boolean;
    readonly highOpen?: boolean;
    readonly converged?: boolean;
  }): KneeResult {
    const { low, high } = parts;
    return {
      lowPerSecond: low ?? null,
      highPerSecond: high ?? null,
      lowOpen: parts.lowOpen === true,
      highOpen: parts.highOpen === true,
      estimatePerSecond: low === undefined || high === undefined ? null : Math.sqrt(low * high),
      secondsOfLoad: this.#seconds,
      converged: parts.converged === true,
    };
  }
}
