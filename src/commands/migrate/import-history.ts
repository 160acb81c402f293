import { TradedbError } from '../../core/error.ts';
import type { ImportResult } from '../../core/migration/history-import.ts';
import { defineCommand } from '../definition.ts';
import { changeHistory } from './history-change.ts';
import { folderOptions, lockTimeoutOption } from './settings.ts';

export interface MigrateImportHistoryData extends ImportResult {
  readonly database: string;
  readonly dryRun: boolean;
}

export const definition = defineCommand({
  path: ['migrate', 'import-history'],
  summary: 'take over what another migration tool has applied',
  description:
    'Reads the table of the other tool and records its versions with the checksums of the files of today. The table stays as it is.',
  options: {
    ...folderOptions,
    from: {
      type: 'choice',
      choices: ['knex', 'dbmate', 'goose', 'flyway', 'golang-migrate'],
      summary: 'the tool',
    },
    sourceTable: { type: 'text', value: 'name', summary: 'its table, when it has another name than usual' },
    allowMissing: { type: 'flag', summary: 'accept versions without a file' },
    lockTimeout: lockTimeoutOption,
  },
  examples: [
    { command: 'migrate import-history -d trading.db --from dbmate', does: 'from schema_migrations' },
    { command: 'migrate import-history -d trading.db --from flyway --dry-run', does: 'show what would be recorded' },
  ],
  exitCodes: {
    0: 'recorded',
    1: 'versions without a file; nothing was recorded',
    2: 'no history of that tool, or the database has one of tradedb already',
    10: 'database or folder not found',
    11: 'the write lock was not free in time',
    12: 'not a database, or damaged',
    14: 'files were edited since the other tool applied them (Flyway); nothing was recorded',
  },
  changes: true,
  async run({ options }, context) {
    const { from } = options;
    if (from === undefined)
      throw new TradedbError('usage', 'no tool is named', {
        hint: 'name it with --from knex|dbmate|goose|flyway|golang-migrate',
      });
    const { importHistory } = await import('../../core/migration/history-import.ts');
    const database = context.databasePath();
    return changeHistory(options, context, async (change) => {
      const result = await importHistory(
        {
          ...change,
          from,
          allowMissing: options.allowMissing,
          ...(options.sourceTable === undefined ? {} : { sourceTable: options.sourceTable }),
        },
        context,
      );
      const refused = result.events.length === 0 && result.missing.length + result.edited.length > 0;
      const edited = result.edited.map((file) => ({
        id: 'migration.edited',
        severity: 'critical' as const,
        subject: file,
        message: 'is not the file that the other tool has applied: its checksum differs',
        hint: 'restore the file, or let the other tool accept it first (flyway repair)',
      }));
      const missing = result.missing.map((version) => ({
        id: 'migration.no-file',
        severity: refused ? ('critical' as const) : ('warning' as const),
        subject: version,
        message: 'was applied by the other tool, but has no file',
        ...(refused ? { hint: 'bring the file, or accept it with --allow-missing' } : {}),
      }));
      return context.report<MigrateImportHistoryData>(
        { database, dryRun: context.dryRun, ...result },
        { findings: [...edited, ...missing], ...(refused ? { status: 'failed' as const } : {}) },
      );
    });
  },
  exitCode: ({ status, data }) => (data.edited.length > 0 ? 14 : status === 'failed' ? 1 : 0),
});
