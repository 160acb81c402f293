import { KneePosterior } from './posterior.ts';

/**
 * The highest rate that holds a limit, as an interval. Every trial is made where the knee most likely lies and moves
 * what is known about it; no trial decides alone, so a spoilt one is outvoted instead of leading the search astray.
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
  /** The search ends when the knee is told to plus or minus this: 0.03 is 3 %. */
  readonly precision: number;
  /** Trials that have to hold close below the knee, and to fail close above it; their majority decides at both ends. */
  readonly repeats: number;
  /** Seconds of load over all trials. */
  readonly maxLoadSeconds: number;
}

export interface KneeResult {
  /** The model puts 5 % below it; in simulated runs it was a little above the knee more often. Null when no rate passed. */
  readonly lowPerSecond: number | null;
  /** The model puts 5 % above it, with the same caution. Null when no rate failed. */
  readonly highPerSecond: number | null;
  /** The knee may lie below the lowest rate that was allowed. */
  readonly lowOpen: boolean;
  /** The knee may lie above the highest rate that was allowed. */
  readonly highOpen: boolean;
  /** Where it most likely lies; null when an end is open. */
  readonly estimatePerSecond: number | null;
  readonly secondsOfLoad: number;
  /** False when the load ran out while the interval was more than twice as wide as asked. */
  readonly converged: boolean;
}

/** `stretch` is how many times the shortest length a trial should last. */
type RunTrial = (ratePerSecond: number, stretch: number) => Promise<KneeTrial>;

/** Below this width of the interval, trials are longer: a short one starts with an empty queue, so it is a little kind. */
const nearRatio = 1.2;
const nearStretch = 2;
/** A rate this near to an end is the end. */
const atEnd = 1.03;
/** Trials within this distance of the knee say something about it. */
const close = 1.05;

export async function findKnee(options: KneeOptions, runTrial: RunTrial): Promise<KneeResult> {
  return new KneeSearch(options, runTrial).run();
}

class KneeSearch {
  readonly #options: KneeOptions;
  readonly #runTrial: RunTrial;
  readonly #posterior: KneePosterior;
  readonly #trials: KneeTrial[] = [];
  #seconds = 0;

  constructor(options: KneeOptions, runTrial: RunTrial) {
    this.#options = options;
    this.#runTrial = runTrial;
    this.#posterior = new KneePosterior(options.low, options.high);
  }

  async run(): Promise<KneeResult> {
    const { maxLoadSeconds } = this.#options;
    while (this.#seconds < maxLoadSeconds) {
      const rate = this.#nextRate();
      const isNear = this.#width() < nearRatio;
      const { passed, seconds } = await this.#runTrial(rate, isNear ? nearStretch : 1);
      this.#seconds += seconds;
      this.#trials.push({ ratePerSecond: rate, passed, seconds });
      this.#posterior.update(rate, passed);
      if (this.#isOpen(false) || this.#isOpen(true) || this.#isTold()) break;
    }
    return this.#result();
  }

  /**
   * The middle of what is likely; while every trial ended alike, at least half-way to the end, so that an end that is too
   * near is soon known. Near an end it is the end itself.
   */
  #nextRate(): number {
    const { low, high } = this.#options;
    const { passed, failed } = this.#rates();
    let rate = this.#posterior.quantile(0.5);
    if (passed.length > 0 && failed.length === 0) rate = Math.max(rate, Math.sqrt(Math.max(...passed) * high));
    if (failed.length > 0 && passed.length === 0) rate = Math.min(rate, Math.sqrt(Math.min(...failed) * low));
    if (rate >= high / atEnd) return high;
    return rate <= low * atEnd ? low : rate;
  }

  #rates(): { readonly passed: readonly number[]; readonly failed: readonly number[] } {
    const of = (passed: boolean): number[] =>
      this.#trials.filter((trial) => trial.passed === passed).map(({ ratePerSecond }) => ratePerSecond);
    return { passed: of(true), failed: of(false) };
  }

  #width(): number {
    return this.#posterior.quantile(0.95) / this.#posterior.quantile(0.05);
  }

  #isTold(): boolean {
    const { precision, repeats } = this.#options;
    if (this.#width() > (1 + precision) ** 2) return false;
    const knee = this.#posterior.quantile(0.5);
    const held = this.#trials.filter(({ ratePerSecond: rate, passed }) => passed && rate > knee / close);
    const failed = this.#trials.filter(({ ratePerSecond: rate, passed }) => !passed && rate < knee * close);
    return held.length >= repeats && failed.length >= repeats;
  }

  /** Whether the majority at the highest rate held, or at the lowest failed: the knee is then outside. */
  #isOpen(atTop: boolean): boolean {
    const { low, high, repeats } = this.#options;
    const there = this.#trials.filter(({ ratePerSecond }) => ratePerSecond === (atTop ? high : low));
    const outside = there.filter(({ passed }) => passed === atTop).length;
    return outside >= Math.floor(repeats / 2) + 1 && outside > there.length / 2;
  }

  #result(): KneeResult {
    const { passed, failed } = this.#rates();
    const secondsOfLoad = this.#seconds;
    const open = { lowPerSecond: null, highPerSecond: null, lowOpen: false, highOpen: false };
    const unknown = { ...open, estimatePerSecond: null, secondsOfLoad, converged: false };
    if (passed.length === 0 || this.#isOpen(false)) {
      return { ...unknown, highPerSecond: Math.min(...failed), lowOpen: true };
    }
    if (failed.length === 0 || this.#isOpen(true)) {
      return { ...unknown, lowPerSecond: Math.max(...passed), highOpen: true };
    }
    return {
      ...unknown,
      lowPerSecond: this.#posterior.quantile(0.05),
      highPerSecond: this.#posterior.quantile(0.95),
      estimatePerSecond: this.#posterior.quantile(0.5),
      converged: this.#width() <= (1 + this.#options.precision) ** 4,
    };
  }
}
