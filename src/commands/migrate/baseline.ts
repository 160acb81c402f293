import type { BaselineResult } from '../../core/migration/baseline.ts';
import { defineCommand } from '../definition.ts';
import { changeHistory } from './history-change.ts';
import { folderOptions, lockTimeoutOption } from './settings.ts';

export interface MigrateBaselineData extends BaselineResult {
  readonly database: string;
  readonly dryRun: boolean;
}

export const definition = defineCommand({
  path: ['migrate', 'baseline'],
  summary: 'declare that an existing database already has the migrations up to a version',
  description:
    'For a database without history. The files are replayed in memory and compared with the live schema; only when both are equal, the versions are recorded. No SQL runs on the database.',
  options: {
    ...folderOptions,
    version: { type: 'text', value: 'version', summary: 'newest version that the database has (newest file)' },
    force: { type: 'flag', summary: 'record it although the schema differs' },
    lockTimeout: lockTimeoutOption,
  },
  examples: [
    { command: 'migrate baseline -d trading.db', does: 'the database has everything that the folder has' },
    { command: 'migrate baseline -d trading.db --version 20260301093000', does: 'everything up to a version' },
  ],
  exitCodes: {
    0: 'recorded',
    10: 'database or folder not found',
    11: 'the write lock was not free in time',
    12: 'not a database, or damaged',
    13: 'the schema differs from the files; nothing was recorded',
  },
  changes: true,
  async run({ options }, context) {
    const { recordBaseline } = await import('../../core/migration/baseline.ts');
    const database = context.databasePath();
    return changeHistory(options, context, async (change) => {
      const result = await recordBaseline(
        {
          ...change,
          force: options.force,
          ...(options.version === undefined ? {} : { version: options.version }),
        },
        context,
      );
      const findings = result.differences.map((object) => ({
        id: `drift.${object.change}`,
        severity: options.force ? ('warning' as const) : ('critical' as const),
        subject: `${object.type} ${object.name}`,
        message: { missing: 'is missing in the database', extra: 'is not in the migrations', changed: 'differs' }[
          object.change
        ],
      }));
      return context.report<MigrateBaselineData>({ database, dryRun: context.dryRun, ...result }, { findings });
    });
  },
  exitCode: ({ data }) => (data.differences.length > 0 && data.events.length === 0 ? 13 : 0),
});
