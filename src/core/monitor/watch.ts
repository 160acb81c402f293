import { basename } from 'node:path';
import type { OperationContext } from '../context.ts';
import type { Finding } from '../report.ts';
import { findingsOf, type LimitFacts, type Limits } from './limits.ts';
import { type LeasePlace, OwnLeases } from './lock/own-lease.ts';
import { RateWindow } from './rates.ts';
import type { Sample } from './sample.ts';
import type { WatchRequest } from './sampler/sampler-main.ts';
import { SamplerSession, type SessionPorts } from './sampler/session.ts';

export interface WatchSettings {
  readonly sampler: WatchRequest;
  readonly limits: Limits;
  /** Where processes of ours say what they do. */
  readonly leases: LeasePlace;
  /** Time of the newest backup (ms since 1970); null when there is none, undefined when backups are not looked at. */
  readonly newestBackup: () => Promise<number | null | undefined>;
}

/** Starts a sampler; tests hand in one that needs no process. */
export type StartSession = (request: WatchRequest, ports: SessionPorts) => Pick<SamplerSession, 'run' | 'stop' | 'pid'>;

/** Backups are made rarely: once a minute is enough to notice one. */
const backupLookMs = 60_000;

/** Samples, their rates and what is wrong with them, from a child that is started here. */
export class Watch {
  readonly database: string;
  readonly rates = new RateWindow();
  #settings: WatchSettings;
  readonly #session: ReturnType<StartSession>;
  readonly #context: OperationContext;
  #notice: string | undefined;
  #samples = 0;
  #backupAt: number | null | undefined;
  #cancelLook = (): void => {};

  constructor(
    settings: WatchSettings,
    context: OperationContext,
    onSample: (sample: Sample) => void,
    start: StartSession = (request, ports) => new SamplerSession(request, ports),
  ) {
    this.#settings = settings;
    this.#context = context;
    this.database = basename(settings.sampler.path);
    const leases = new OwnLeases(settings.leases, context.clock);
    this.#session = start(settings.sampler, {
      ...context,
      onSample: (taken) => {
        const sample = leases.label(taken);
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
    return latest === undefined ? [] : findingsOf(latest, this.#settings.limits, this.#facts());
  }

  /** Other limits from now on; the sampler goes on as it is. */
  change(settings: Pick<WatchSettings, 'limits' | 'newestBackup'>): void {
    this.#settings = { ...this.#settings, ...settings };
  }

  /** Resolves after `stop` or the abort of the signal. */
  async run(): Promise<void> {
    await this.#lookAtBackups();
    try {
      await this.#session.run();
    } finally {
      this.#cancelLook();
    }
  }

  stop(): Promise<void> {
    this.#cancelLook();
    return this.#session.stop();
  }

  #facts(): LimitFacts {
    if (this.#backupAt === undefined) return {};
    if (this.#backupAt === null) return { backupAgeMs: null };
    return { backupAgeMs: Math.max(0, this.#context.clock.wallTime() - this.#backupAt) };
  }

  async #lookAtBackups(): Promise<void> {
    try {
      this.#backupAt = await this.#settings.newestBackup();
    } catch (error) {
      // A repository that cannot be read now must not end the watching; what was known stays.
      this.#context.log.debug('the backups cannot be looked at', { error: String(error) });
    }
    this.#cancelLook = this.#context.clock.after(backupLookMs, () => void this.#lookAtBackups());
  }
}
