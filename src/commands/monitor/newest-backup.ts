import type { BackupRow } from '../../core/monitor/web/routes.ts';
import type { CommandContext } from '../definition.ts';

const mostRows = 50;

/**
 * Time of the newest backup of a database in the primary repository; null when there is none. Undefined when nobody
 * expects backups: no repository is configured, and there is no default folder.
 */
export async function newestBackup(context: CommandContext, path: string): Promise<number | null | undefined> {
  const points = await pointsOf(context, path);
  if (points === undefined) return Object.keys(context.config.backup.repositories).length === 0 ? undefined : null;
  return points.length === 0 ? null : Math.max(...points.map((point) => Date.parse(point.createdAt)));
}

/** The newest backups of a database, newest first. */
export async function listBackups(context: CommandContext, path: string | undefined): Promise<BackupRow[]> {
  const points = path === undefined ? undefined : await pointsOf(context, path);
  return (points ?? [])
    .slice(-mostRows)
    .reverse()
    .map(({ id, createdAt, type, storedBytes }) => ({ id, createdAt, type, sizeBytes: storedBytes }));
}

async function pointsOf(context: CommandContext, path: string) {
  const { TradedbError } = await import('../../core/error.ts');
  const { databaseLabel, openLocked } = await import('../backup/repository-option.ts');
  const { databaseIdOf } = await import('../../core/backup/repository/object-name.ts');
  try {
    const repository = await openLocked(context);
    return (await repository.points(databaseIdOf(databaseLabel(context, path)))).points;
  } catch (error) {
    if (!(error instanceof TradedbError) || error.code !== 'backup_not_found') throw error;
    return undefined;
  }
}
