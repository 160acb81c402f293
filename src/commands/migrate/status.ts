import type { Conflict } from '../../core/migration/conflict.ts';
import type { StatusRow, TextDifference } from '../../core/migration/status.ts';
import { defineCommand } from '../definition.ts';
import { conflictExitCode, folderOptions, migrationSource, openForReading } from './settings.ts';

export interface MigrateStatusData {
  readonly database: string;
  readonly directory: string;
  /** Newest applied version. */
  readonly current: string | null;
  readonly migrations: readonly StatusRow[];
  readonly pendingCount: number;
  readonly conflicts: readonly Conflict[];
  /** Versions that were started and have not ended. */
  readonly interrupted: readonly string[];
  /** Whether the schema is still the one that the last run left; null when no run has recorded it. */
  readonly schemaMatches: boolean | null;
  /** Only with --diff. */
  readonly difference: TextDifference | null;
  /** Versions that the tool of import-history has applied since. */
  readonly appliedElsewhere: readonly string[];
}

export const definition = defineCommand({
  path: ['migrate', 'status'],
  summary: 'show which migrations are applied, pending or in conflict',
  description:
    'Compares the folder with the history in the database, checksums included. Opens the database for reading only.',
  options: {
    ...folderOptions,
    exitCode: { type: 'flag', summary: 'exit 4 when files are pending' },
    diff: { type: 'text', value: 'version', summary: 'show what was edited in this file since it was applied' },
  },
  examples: [
    { command: 'migrate status -d trading.db', does: 'the list, newest last' },
    { command: 'migrate status -d trading.db --exit-code --quiet', does: 'a check for a start script' },
    { command: 'migrate status -d trading.db --diff 20260301093000', does: 'what changed in an edited file' },
  ],
  quietWhenOk: true,
  exitCodes: {
    0: 'no conflict',
    4: 'files are pending, with --exit-code',
    10: 'database or folder not found',
    11: 'database locked',
    12: 'not a database, or damaged',
    14: 'history conflict: edited, missing, late or duplicate files',
    15: 'a file that takes many transactions is half done, and nobody works on it',
  },
  formats: ['prometheus'],
  async run({ options }, context) {
    const { readStatus } = await import('../../core/migration/status.ts');
    const { conflictFinding } = await import('../../core/migration/conflict.ts');
    const { source, table } = await migrationSource(options, context);
    const database = context.databasePath();
    const connection = await openForReading(database, context);
    try {
      const status = readStatus(connection, source, {
        table,
        allowOutOfOrder: context.config.migrations.outOfOrder,
        here: { hostname: context.host.hostname, now: context.clock.wallTime() },
        ...(options.diff === undefined ? {} : { diff: options.diff }),
      });
      const findings = [
        ...status.conflicts.map(conflictFinding),
        ...status.appliedElsewhere.map((version) => ({
          id: 'migration.applied-elsewhere',
          severity: 'warning' as const,
          subject: version,
          message: 'was applied by the tool whose history was imported: it is still in use beside this one',
          hint: 'use one of them; tradedb migrate resolve <version> --mark-applied takes it over',
        })),
        ...(status.schemaMatches === false
          ? [
              {
                id: 'migration.schema-changed',
                severity: 'warning' as const,
                message: 'the schema is not the one that the last migration left: it was changed by hand',
                hint: 'tradedb migrate drift',
              },
            ]
          : []),
      ];
      return context.report<MigrateStatusData>(
        { database, directory: source.directory, ...status },
        { findings, ...(status.conflicts.length > 0 ? { status: 'failed' as const } : {}), metrics: metricsOf(status) },
      );
    } finally {
      connection.close();
    }
  },
  exitCode: (report, { options }) => {
    const conflict = conflictExitCode(report.data.conflicts);
    if (conflict !== undefined) return conflict;
    return options.exitCode && report.data.pendingCount > 0 ? 4 : 0;
  },
});

function metricsOf(status: { migrations: readonly StatusRow[]; pendingCount: number; conflicts: readonly unknown[] }) {
  const gauge = (name: string, help: string, value: number) => ({ name, type: 'gauge', help, value }) as const;
  return [
    gauge(
      'migrations_applied',
      'Migrations that are applied',
      status.migrations.filter((row) => row.state === 'applied').length,
    ),
    gauge('migrations_pending', 'Migration files that are not applied', status.pendingCount),
    gauge('migrations_conflicts', 'Conflicts between the folder and the history', status.conflicts.length),
  ];
}
