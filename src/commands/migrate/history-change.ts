import type { MigrationSource } from '../../core/migration/migration.ts';
import type { Connection } from '../../core/sqlite/connection.ts';
import type { CommandContext } from '../definition.ts';
import { migrationSource, runSettings } from './settings.ts';

type HistoryOptions = Parameters<typeof migrationSource>[0] & Parameters<typeof runSettings>[0];

/** What a command that writes only the history works with. */
export interface HistoryChange extends ReturnType<typeof runSettings> {
  readonly connection: Connection;
  readonly source: MigrationSource;
  readonly table: string;
  readonly dryRun: boolean;
}

/** Opens the database for `work` on its migration history, and closes it whatever happens. */
export async function changeHistory<T>(
  options: HistoryOptions,
  context: CommandContext,
  work: (change: HistoryChange) => Promise<T>,
): Promise<T> {
  const { openForMigration } = await import('../../core/migration/open.ts');
  const { source, table } = await migrationSource(options, context);
  const settings = runSettings(options, context);
  const connection = await openForMigration(
    context.databasePath(),
    { create: false, lockTimeoutMs: settings.lockTimeoutMs },
    context,
  );
  try {
    return await work({ ...settings, connection, source, table, dryRun: context.dryRun });
  } finally {
    connection.close();
  }
}
