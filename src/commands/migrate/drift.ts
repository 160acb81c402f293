import type { DriftResult } from '../../core/migration/drift.ts';
import { defineCommand } from '../definition.ts';
import { folderOptions, migrationSource, openForReading } from './settings.ts';

export interface MigrateDriftData extends DriftResult {
  readonly database: string;
  /** Whether the text output prints the repairing SQL. */
  readonly showSql: boolean;
}

export const definition = defineCommand({
  path: ['migrate', 'drift'],
  summary: 'find what was changed in the schema by hand',
  description:
    'Compares the schema with the one that the last migration left, with a replay of the files, or with another database. Case, spaces, comments and quoting make no difference. Objects in migrations.drift.ignore are left out. Nothing is written, and the repairing SQL is only shown.',
  options: {
    ...folderOptions,
    fromFiles: { type: 'flag', summary: 'compare with a replay of the applied files' },
    against: { type: 'path', value: 'database', summary: 'compare with another database' },
    sql: { type: 'flag', summary: 'print the SQL that would repair it' },
  },
  examples: [
    { command: 'migrate drift -d trading.db', does: 'against what the last migration left' },
    { command: 'migrate drift -d trading.db --from-files --sql', does: 'against the files, with the repair' },
    { command: 'migrate drift -d trading.db --against staging.db', does: 'two databases' },
  ],
  quietWhenOk: true,
  exitCodes: {
    0: 'no difference',
    10: 'database or folder not found',
    11: 'database locked',
    12: 'not a database, or damaged',
    13: 'the schema differs',
    14: 'the files are in conflict with the history, so that they cannot be replayed',
  },
  formats: ['junit', 'markdown'],
  async run({ options }, context) {
    const { findDrift } = await import('../../core/migration/drift.ts');
    const { conflictFinding } = await import('../../core/migration/conflict.ts');
    const { source, table } = await migrationSource(options, context);
    const database = context.databasePath();
    const connection = await openForReading(database, context);
    const against =
      options.against === undefined ? undefined : await openForReading(context.resolve(options.against), context);
    try {
      const result = await findDrift(
        {
          connection,
          source,
          table,
          fromFiles: options.fromFiles,
          ignore: context.config.migrations.drift.ignore,
          ...(against === undefined ? {} : { against }),
        },
        context,
      );
      const findings = [
        ...result.conflicts.map(conflictFinding),
        ...result.objects.map((object) => ({
          id: `drift.${object.change}`,
          severity: 'critical' as const,
          subject: `${object.type} ${object.name}`,
          message: { missing: 'is missing', extra: 'is not in the migrations', changed: 'differs' }[object.change],
        })),
      ];
      return context.report<MigrateDriftData>(
        { database, showSql: options.sql, ...result },
        { findings, checks: checksOf(result) },
      );
    } finally {
      connection.close();
      against?.close();
    }
  },
  exitCode: ({ data }) => (data.conflicts.length > 0 ? 14 : data.objects.length > 0 ? 13 : 0),
});

function checksOf(result: DriftResult) {
  const message = `${result.objectsCompared} objects compared`;
  if (result.objects.length === 0 && result.conflicts.length === 0) {
    return [{ id: 'drift', group: 'drift', status: 'ok' as const, message, durationMs: 0 }];
  }
  return result.objects.map((object) => ({
    id: `drift.${object.type}.${object.name}`,
    group: 'drift',
    status: 'critical' as const,
    message: `${object.type} ${object.name}: ${object.change}`,
    durationMs: 0,
  }));
}
