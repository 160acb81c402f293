import { LatencyHistogram } from '../statistics/latency-histogram.ts';
import { ChildProcess, childEntry } from './child/child-process.ts';
import type { FromScan, ScanSetup } from './child/protocol.ts';

/** What the long readers beside the load did in the measured phase. */
export interface ScanSummary {
  readonly size: number;
  readonly scans: number;
  readonly failed: number;
  readonly rows: number;
  /** Share of the time in which the readers worked. */
  readonly busyShare: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/**
 * A process with the pool of background readers of the library, whose readers scan a whole table in one snapshot, once a
 * second each, as reports do: they keep the WAL from being reset while they run.
 */
export class ScanGroup {
  readonly #size: number;
  readonly #child: ChildProcess<ScanSetup, FromScan>;
  readonly #times = new LatencyHistogram();
  #failed = 0;
  #rows = 0;
  #busyMs = 0;
  #spanMs = 0;

  static async start(setup: Omit<ScanSetup, 'type'>): Promise<ScanGroup> {
    const group = new ScanGroup(setup.size);
    group.#child.send({ ...setup, type: 'scan' });
    await group.#child.next('ready');
    return group;
  }

  private constructor(size: number) {
    this.#size = size;
    this.#child = new ChildProcess(childEntry('scan-main'), 'background readers');
    this.#child.onMessage((message) => {
      if (message.type !== 'scanned') return false;
      this.#busyMs += message.busyMs;
      this.#spanMs += message.spanMs;
      this.#rows += message.rows;
      if (message.failed) this.#failed += 1;
      else this.#times.recordMs(message.busyMs);
      return true;
    });
  }

  /** Forgets what was before the measured phase. */
  reset(): void {
    this.#times.reset();
    this.#failed = 0;
    this.#rows = 0;
    this.#busyMs = 0;
    this.#spanMs = 0;
  }

  summary(): ScanSummary {
    return {
      size: this.#size,
      scans: this.#times.count,
      failed: this.#failed,
      rows: this.#rows,
      busyShare: this.#spanMs === 0 ? 0 : this.#busyMs / this.#spanMs,
      p50Us: this.#times.percentileNs(50) / 1000,
      p99Us: this.#times.percentileNs(99) / 1000,
    };
  }

  /** A reader in the middle of a scan cannot be stopped otherwise. */
  async end(): Promise<void> {
    await this.#child.kill();
  }
}
