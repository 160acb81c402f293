import { ZipfSampler } from './zipf.ts';

/** Where a transaction takes its chance from. The same transaction number always draws the same values. */
export interface Draw {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Uniform whole number from 0 to `n` - 1. */
  integer(n: number): number;
  /** Whole number from 1 to `n`, small ones more often the larger `theta` is. */
  zipf(n: number, theta: number): number;
}

const golden = 0x9e3779b9;

/** Finalizer of MurmurHash3: every input bit changes about half of the output bits. */
function mix32(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/**
 * Counter-based generator: value i of transaction k is a hash of (seed, k, i). It has no state that runs on from one
 * transaction to the next, so any client can produce any transaction alone and the stream is the same for any number
 * of clients.
 */
export class CounterDraw implements Draw {
  readonly #seedLow: number;
  readonly #seedHigh: number;
  readonly #samplers = new Map<string, ZipfSampler>();
  #keyLow = 0;
  #keyHigh = 0;
  #counter = 0;

  /** `purpose` separates streams of one seed, such as parameters and arrival times. */
  constructor(seed: number, purpose: number) {
    this.#seedLow = mix32((seed >>> 0) ^ Math.imul(purpose + 1, golden));
    this.#seedHigh = mix32(this.#seedLow ^ Math.floor(seed / 2 ** 32) ^ 0x5bd1e995);
  }

  /** Goes to the first value of transaction `k`. */
  start(k: number): this {
    const low = k >>> 0;
    const high = Math.floor(k / 2 ** 32);
    this.#keyLow = mix32(this.#seedLow ^ mix32(low + golden));
    this.#keyHigh = mix32(this.#seedHigh ^ mix32(high ^ Math.imul(low, 0x27d4eb2f)) ^ this.#keyLow);
    this.#counter = 0;
    return this;
  }

  #word(): number {
    this.#counter = (this.#counter + golden) | 0;
    return mix32(this.#keyHigh ^ mix32(this.#keyLow ^ this.#counter)) >>> 0;
  }

  uniform(): number {
    return ((this.#word() >>> 5) * 67_108_864 + (this.#word() >>> 6)) / 9_007_199_254_740_992;
  }

  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** One step of a Poisson process of rate 1. */
  exponential(): number {
    return -Math.log1p(-this.uniform());
  }

  zipf(n: number, theta: number): number {
    const key = `${n}:${theta}`;
    let sampler = this.#samplers.get(key);
    if (sampler === undefined) {
      sampler = new ZipfSampler(n, theta);
      this.#samplers.set(key, sampler);
    }
    return sampler.next(this);
  }
}
