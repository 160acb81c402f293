import { basename } from 'node:path';
import type { OperationContext } from '../context.ts';
import type { Finding } from '../report.ts';
import { findingsOf, type LimitFacts, type Limits } from './limits.ts';
import { RateWindow } from './rates.ts';
import type { Sample } from './sample.ts';
import type { WatchRequest } from './sampler/sampler-main.ts';
import { SamplerSession } from './sampler/session.ts';

export interface WatchSettings {
  readonly sampler: WatchRequest;
  readonly limits: Limits;
  readonly facts: LimitFacts;
}

/** Samples, their rates and what is wrong with them, from a child that is started here. */
export class Watch {
  readonly database: string;
  readonly rates = new RateWindow();
  readonly #settings: WatchSettings;
  readonly #session: SamplerSession;
  #notice: string | undefined;
  #samples = 0;

  constructor(settings: WatchSettings, context: OperationContext, onSample: (sample: Sample) => void) {
    this.#settings = settings;
    this.database = basename(settings.sampler.path);
    this.#session = new SamplerSession(settings.sampler, {
      ...context,
      onSample: (sample) => {
        this.#samples += 1;
        this.rates.add(sample);
        onSample(sample);
      },
      onRestart: (reason) => {
        this.#notice = 'sampler restarted';
        context.log.warn(`the sampler ended and is started again: ${reason}`);
      },
    });
  }

  get samples(): number {
    return this.#samples;
  }

  get samplerPid(): number | undefined {
    return this.#session.pid;
  }

  /** What happened to the sampler; undefined when all is well. */
  get notice(): string | undefined {
    return this.#notice;
  }

  get findings(): Finding[] {
    const { latest } = this.rates;
    return latest === undefined ? [] : findingsOf(latest, this.#settings.limits, this.#settings.facts);
  }

  /** Resolves after `stop` or the abort of the signal. */
  run(): Promise<void> {
    return this.#session.run();
  }

  stop(): Promise<void> {
    return this.#session.stop();
  }
}
