import { join } from 'node:path';
import type { AttributionSource } from '../../core/monitor/sampler/sampler.ts';
import type { WatchSettings } from '../../core/monitor/watch.ts';
import type { CommandContext } from '../definition.ts';

/** Where engines with the library write their statistics. */
export function queryDirectory(context: CommandContext): string {
  return join(context.stateDirectory(), 'queries');
}

/** What every monitor command takes from the configuration. Refuses a path that holds no database. */
export async function watchSettings(
  context: CommandContext,
  intervalMs: number,
  attribution: AttributionSource,
  path = context.databasePath(),
): Promise<WatchSettings> {
  const { realpathSync } = await import('node:fs');
  const { requireDatabaseFile } = await import('../../core/sqlite/database-file.ts');
  const { databaseLeaseFolder } = await import('../../core/lease.ts');
  const { newestBackup } = await import('./newest-backup.ts');
  requireDatabaseFile(path);
  const { monitor, alerts } = context.config;
  return {
    sampler: {
      // Side files belong to the real file, not to a symbolic link to it.
      path: realpathSync(path),
      intervalMs,
      pinnedAfterMs: monitor.pinnedAfter,
      lockIntervalMs: monitor.lockInterval,
      maxCpuShare: monitor.maxCpu,
      attribution,
    },
    // Validation fills both values of each pair; the schema's type cannot say so.
    limits: alerts.thresholds as WatchSettings['limits'],
    leases: {
      directory: databaseLeaseFolder(context.stateDirectory()),
      owner: { pid: context.host.pid, hostname: context.host.hostname },
    },
    newestBackup: () => newestBackup(context, path),
  };
}
