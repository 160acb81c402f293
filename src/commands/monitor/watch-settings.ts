import type { WatchSettings } from '../../core/monitor/watch.ts';
import type { CommandContext } from '../definition.ts';

/** What every monitor command takes from the configuration. Refuses a path that holds no database. */
export async function watchSettings(
  context: CommandContext,
  intervalMs: number,
  attribution: 'frames' | 'off',
): Promise<WatchSettings> {
  const { realpathSync } = await import('node:fs');
  const { requireDatabaseFile } = await import('../../core/sqlite/database-file.ts');
  const path = context.databasePath();
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
    newestBackup: () => newestBackup(context),
  };
}

/** Looks into the primary repository. Without a configured one, and without the default folder, nobody expects backups. */
async function newestBackup(context: CommandContext): Promise<number | null | undefined> {
  const { TradedbError } = await import('../../core/error.ts');
  const { databaseIdIfAny, openChosen } = await import('../backup/repository-option.ts');
  try {
    const repository = await openChosen(context, undefined);
    const { points } = await repository.points(await databaseIdIfAny(context));
    return points.length === 0 ? null : Math.max(...points.map((point) => Date.parse(point.createdAt)));
  } catch (error) {
    if (!(error instanceof TradedbError) || error.code !== 'backup_not_found') throw error;
    return Object.keys(context.config.backup.repositories).length === 0 ? undefined : null;
  }
}
