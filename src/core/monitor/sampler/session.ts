import type { Clock } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { childEntry } from '../../file-access/child-entry.ts';
import { ReaderProcess } from '../../file-access/reader-process.ts';
import type { Sample } from '../sample.ts';
import type { WatchRequest } from './sampler-main.ts';

export interface SessionPorts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onSample: (sample: Sample) => void;
  /** The child ended and is started again; its counters begin anew. */
  readonly onRestart: (reason: string) => void;
}

/** A child that ends this often in a row does not work here. */
const mostRestarts = 5;
const firstBackoffMs = 100;

/**
 * Samples in a child until the signal is aborted or `stop` is called. A child that dies is started again with a growing
 * pause; counters go on where they were, with a new generation.
 */
export class SamplerSession {
  readonly #request: WatchRequest;
  readonly #ports: SessionPorts;
  #child: ReaderProcess | undefined;
  #stopped = false;
  #base: Pick<Sample, 'commits' | 'walResets' | 'frames' | 'checkpointedFrames' | 'checkpoints' | 'generation'>;
  #last: Sample | undefined;

  constructor(request: WatchRequest, ports: SessionPorts) {
    this.#request = request;
    this.#ports = ports;
    this.#base = { commits: 0, walResets: 0, frames: 0, checkpointedFrames: 0, checkpoints: 0, generation: 0 };
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when it has been stopped; rejects with `child_failed` when the child cannot live. */
  async run(): Promise<void> {
    const { clock, signal, onRestart } = this.#ports;
    let failures = 0;
    while (!this.#stopped && !signal.aborted) {
      const started = clock.now();
      try {
        await this.#watch();
      } catch (error) {
        if (this.#stopped || signal.aborted) return;
        // What the child says about the file stands; only a child that dies is started again.
        if (this.#last === undefined && !(error instanceof TradedbError && error.code === 'child_failed')) throw error;
        failures = clock.now() - started > 10_000 ? 1 : failures + 1;
        const reason = error instanceof Error ? error.message : String(error);
        if (failures > mostRestarts)
          throw new TradedbError('child_failed', `the sampler does not run: ${reason}`, { cause: error });
        onRestart(reason);
        this.#carryOn();
        await clock.sleep(firstBackoffMs * 2 ** failures, signal).catch(() => {});
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#child?.stop();
  }

  async #watch(): Promise<void> {
    this.#child = new ReaderProcess(childEntry('./sampler-main', import.meta.url), {
      ...this.#ports,
      onEvent: (sample: Sample) => this.#receive(sample),
    });
    await this.#child.call('watch', this.#request);
  }

  #receive(sample: Sample): void {
    const { commits, walResets, frames, checkpointedFrames, checkpoints, generation } = this.#base;
    this.#last = {
      ...sample,
      commits: sample.commits + commits,
      walResets: sample.walResets + walResets,
      frames: sample.frames + frames,
      checkpointedFrames: sample.checkpointedFrames + checkpointedFrames,
      checkpoints: sample.checkpoints + checkpoints,
      generation: sample.generation + generation,
    };
    if (!this.#stopped) this.#ports.onSample(this.#last);
  }

  #carryOn(): void {
    if (this.#last !== undefined) this.#base = this.#last;
  }
}
