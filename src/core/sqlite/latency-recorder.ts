import { LatencyHistogram } from '../statistics/latency-histogram.ts';
import type { DatabaseHook, TransactionEvent } from './hooks.ts';

/** The bundled hook: one histogram of service time and one of waiting per transaction name. */
export class LatencyRecorder implements DatabaseHook {
  readonly #service = new Map<string, LatencyHistogram>();
  readonly #wait = new Map<string, LatencyHistogram>();

  onTransaction(event: TransactionEvent): void {
    histogramOf(this.#service, event.name).recordMs(event.serviceMs);
    if (event.retries > 0) histogramOf(this.#wait, event.name).recordMs(event.waitMs);
  }

  /** Time of the calls without waiting for locks, by transaction name. */
  get service(): ReadonlyMap<string, LatencyHistogram> {
    return this.#service;
  }

  /** Waiting of those calls that had to wait, by transaction name. */
  get wait(): ReadonlyMap<string, LatencyHistogram> {
    return this.#wait;
  }
}

function histogramOf(map: Map<string, LatencyHistogram>, name: string): LatencyHistogram {
  let histogram = map.get(name);
  if (histogram === undefined) {
    histogram = new LatencyHistogram();
    map.set(name, histogram);
  }
  return histogram;
}
