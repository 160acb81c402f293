import type { OperationContext } from '../../context.ts';
import { childEntry } from '../../file-access/child-entry.ts';
import { ReaderProcess } from '../../file-access/reader-process.ts';
import { LatencyHistogram } from '../../statistics/latency-histogram.ts';

/** One try for the write lock, which never waits. */
export interface ProbeTry {
  readonly busy: boolean;
  /** Microseconds to take it and give it back; 0 when somebody else had it. */
  readonly us: number;
}

export interface ProbeFacts {
  readonly tries: number;
  /** Tries that found the lock in other hands. */
  readonly busy: number;
  /** Microseconds of the others. */
  readonly p50Us: number;
  readonly p99Us: number;
  readonly lastBusy: boolean;
  /** Why there are no tries any more. */
  readonly problem?: string;
}

/** Takes the write lock now and then, in a child, to know what it costs; undefined until the first try. */
export class LockProbe {
  readonly #child: ReaderProcess<ProbeTry>;
  readonly #times = new LatencyHistogram();
  #tries = 0;
  #busy = 0;
  #lastBusy = false;
  #problem: string | undefined;
  #stopped = false;

  constructor(path: string, { clock, signal }: Pick<OperationContext, 'clock' | 'signal'>) {
    this.#child = new ReaderProcess(childEntry('./probe-main', import.meta.url), {
      clock,
      signal,
      onEvent: (one: ProbeTry) => this.#add(one),
    });
    this.#child.call('probe', { path }).catch((error: unknown) => {
      if (!this.#stopped) this.#problem = error instanceof Error ? error.message : String(error);
    });
  }

  get facts(): ProbeFacts | undefined {
    if (this.#tries === 0 && this.#problem === undefined) return undefined;
    return {
      tries: this.#tries,
      busy: this.#busy,
      p50Us: this.#times.percentileNs(50) / 1000,
      p99Us: this.#times.percentileNs(99) / 1000,
      lastBusy: this.#lastBusy,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  stop(): Promise<void> {
    this.#stopped = true;
    return this.#child.stop();
  }

  #add({ busy, us }: ProbeTry): void {
    this.#tries += 1;
    this.#lastBusy = busy;
    if (busy) this.#busy += 1;
    else this.#times.record(us * 1000);
  }
}
