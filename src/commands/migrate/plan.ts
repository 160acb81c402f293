import type { MigrationPlan } from '../../core/migration/plan.ts';
import { defineCommand } from '../definition.ts';
import {
  failureFinding,
  folderOptions,
  hooksDirectory,
  lateFinding,
  migrationSource,
  runExitCode,
  runExitCodes,
} from './settings.ts';

export interface MigratePlanData extends MigrationPlan {
  readonly database: string;
  /** Whether the text output prints every statement in full. */
  readonly showSql: boolean;
}

export const definition = defineCommand({
  path: ['migrate', 'plan'],
  summary: 'run pending migrations on a shadow and show what they would do',
  description:
    'The schema is replayed in memory, or with --with-data the whole database is copied to a temporary folder, and the pending files run there with the same executor as migrate up. The database itself is only read; nothing is left behind.',
  options: {
    ...folderOptions,
    to: { type: 'text', value: 'version', summary: 'plan up to this version' },
    withData: { type: 'flag', summary: 'try on a full copy: real constraint errors, rows, times and log sizes' },
    noModules: { type: 'flag', summary: 'list JavaScript and TypeScript files without running them' },
    allowOutOfOrder: { type: 'flag', summary: 'accept files older than the newest applied one' },
    sql: { type: 'flag', summary: 'print every statement in full' },
    exitCode: { type: 'flag', summary: 'exit 4 when files are pending' },
  },
  examples: [
    { command: 'migrate plan -d trading.db', does: 'what up would do' },
    { command: 'migrate plan -d trading.db --with-data --sql', does: 'the same on a copy with all rows, with the SQL' },
    { command: 'migrate plan -d trading.db --exit-code', does: 'a check for a deployment script' },
  ],
  exitCodes: {
    0: 'planned',
    ...runExitCodes,
    1: 'a statement fails on the shadow',
    4: 'files are pending, with --exit-code',
  },
  formats: ['ndjson'],
  async run({ options }, context) {
    const { planMigrations } = await import('../../core/migration/plan.ts');
    const { conflictFinding } = await import('../../core/migration/conflict.ts');
    const { readHooks } = await import('../../core/migration/hooks.ts');
    const { openForPlan } = await import('../../core/migration/open.ts');
    const { source, table } = await migrationSource(options, context);
    const database = context.databasePath();
    const connection = openForPlan(database, false, context);
    try {
      const plan = await planMigrations(
        {
          connection,
          source,
          table,
          hooks: await readHooks(hooksDirectory(source.directory, context)),
          withoutPrograms: options.noModules,
          allowOutOfOrder: options.allowOutOfOrder || context.config.migrations.outOfOrder,
          ...(options.to === undefined ? {} : { to: options.to }),
          ...(options.withData ? { copyInto: context.host.temporaryDirectory } : {}),
        },
        context,
      );
      for (const step of plan.steps) context.emit({ type: 'step', ...step });
      const findings = [
        ...plan.conflicts.map(conflictFinding),
        ...(plan.failed === null ? [] : [failureFinding(plan.failed)]),
        ...plan.late.map(lateFinding),
        ...plan.skipped.map(({ name, reason }) => ({
          id: 'migration.not-in-shadow',
          severity: 'info' as const,
          subject: name,
          message: `is left out of the shadow: ${reason}`,
        })),
      ];
      const failed = plan.conflicts.length > 0 || plan.failed !== null;
      return context.report<MigratePlanData>(
        { database, showSql: options.sql, ...plan },
        { findings, status: failed ? 'failed' : 'ok' },
      );
    } finally {
      connection?.close();
    }
  },
  exitCode: (report, { options }) =>
    runExitCode(report.data) ?? (options.exitCode && report.data.pendingCount > 0 ? 4 : 0),
});
