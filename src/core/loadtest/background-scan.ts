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
 * Reader processes that scan a whole table in one snapshot, once a second each, as reports do: they keep the WAL from
 * being reset while they run.
 */
export class ScanGroup {
  readonly #children: ChildProcess<ScanSetup, FromScan>[] = [];
  readonly #times = new LatencyHistogram();
  #failed = 0;
  #rows = 0;
  #busyMs = 0;
  #spanMs = 0;

  static async start(setup: Omit<ScanSetup, 'type' | 'reader'> & { readonly size: number }): Promise<ScanGroup> {
    const group = new ScanGroup();
    for (let reader = 0; reader < setup.size; reader++) group.#add({ ...setup, type: 'scan', reader });
    await Promise.all(group.#children.map((child) => child.next('ready')));
    return group;
  }

  #add(setup: ScanSetup): void {
    const child = new ChildProcess<ScanSetup, FromScan>(childEntry('scan-main'), `background reader ${setup.reader}`);
    child.onMessage((message) => {
      if (message.type !== 'scanned') return false;
      this.#busyMs += message.busyMs;
      this.#spanMs += message.spanMs;
      this.#rows += message.rows;
      if (message.failed) this.#failed += 1;
      else this.#times.recordMs(message.busyMs);
      return true;
    });
    child.send(setup);
    this.#children.push(child);
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
      size: this.#children.length,
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
    await Promise.all(this.#children.map((child) => child.kill()));
  }
}
