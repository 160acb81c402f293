import { systemClock } from '../../../system/system-clock.ts';
import { TradedbError } from '../../error.ts';
import { LiveFiles } from '../../file-access/live-files.ts';
import { serveReader } from '../../file-access/reader-child.ts';
import { refuseSqlite } from '../../file-access/reader-guard.ts';
import type { Sample } from '../sample.ts';
import { PageCacheLook } from './page-cache-look.ts';
import { Sampler, type SamplerSettings } from './sampler.ts';

/**
 * Entry of the sampling child. It opens live files as bytes, so SQLite must never be in this process, and its
 * descriptors stay open until it ends.
 */

refuseSqlite();

export interface WatchRequest extends SamplerSettings {
  readonly intervalMs: number;
  /** Share of one core that the sampler may use; the interval grows when it would be more. */
  readonly maxCpuShare: number;
}

const warmUpTicks = 20;

serveReader(process, {
  async watch(request: WatchRequest, emit: (sample: Sample) => void) {
    const files = new LiveFiles(request.path);
    requireHeader(files);
    const sampler = new Sampler(files, request, systemClock);
    const pageCache = new PageCacheLook(files.path);
    let late = 0;
    let averageCpuMs = 0;
    let ticks = 0;
    let cpu = process.cpuUsage();
    let due = systemClock.now();
    for (;;) {
      const sample = sampler.tick(late, pageCache.bytes(systemClock.now()));
      emit(sample);
      const used = process.cpuUsage(cpu);
      cpu = process.cpuUsage();
      ticks += 1;
      // The first looks pay for starting up, which is not what a look costs.
      if (ticks > warmUpTicks) averageCpuMs += 0.05 * ((used.user + used.system) / 1000 - averageCpuMs);
      const intervalMs = Math.max(request.intervalMs, averageCpuMs / request.maxCpuShare);
      due += intervalMs;
      const now = systemClock.now();
      if (due < now) {
        // Skipped, never queued: after a suspend there is one look, not thousands.
        late += Math.floor((now - due) / intervalMs) + 1;
        due = now + intervalMs;
      }
      await systemClock.sleep(due - now);
    }
  },
});

function requireHeader(files: LiveFiles): void {
  if (files.header() !== undefined) return;
  throw new TradedbError(
    'not_a_database',
    `${JSON.stringify(files.path)} is not an SQLite database (or it is encrypted)`,
    { hint: 'check the path' },
  );
}
