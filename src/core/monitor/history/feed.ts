import type { Sample } from '../sample.ts';
import { HistoryClock } from './history-clock.ts';
import { ReadingList } from './readings.ts';
import { Rollup } from './rollup.ts';
import type { HistoryStore } from './store.ts';

const flushEveryMs = 10_000;

/** Hands the samples of one database to the history, in one transaction every ten seconds. */
export class HistoryFeed {
  readonly #database: string;
  readonly #store: HistoryStore;
  readonly #clock = new HistoryClock();
  readonly #list = new ReadingList();
  readonly #rollup = new Rollup();
  #flushedAt: number | undefined;

  constructor(database: string, store: HistoryStore) {
    this.#database = database;
    this.#store = store;
  }

  add(sample: Sample): void {
    const at = this.#clock.at(Date.parse(sample.at), sample.monotonicMs);
    this.#rollup.add(at, this.#list.of(sample, at));
    this.#flushedAt ??= at;
    if (at - this.#flushedAt < flushEveryMs) return;
    this.#flushedAt = at;
    this.flush();
  }

  /** Writes what is complete; questions about the present ask for it. */
  flush(): void {
    this.#store.write(this.#database, this.#rollup.drain());
  }

  /** Writes all, also the running second. */
  finish(): void {
    this.#rollup.finish();
    this.flush();
  }
}
