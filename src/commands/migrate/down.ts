import type { Conflict } from '../../core/migration/conflict.ts';
import type { DownPlan } from '../../core/migration/down.ts';
import type { MigrationFailure } from '../../core/migration/failure.ts';
import type { FileResult } from '../../core/migration/run.ts';
import { defineCommand } from '../definition.ts';
import {
  failureFinding,
  folderOptions,
  lockTimeoutOption,
  migrationSource,
  runExitCode,
  runExitCodes,
  runSettings,
  violationFindings,
} from './settings.ts';

export interface MigrateDownData {
  /** True: tried on a shadow, nothing was written. */
  readonly dryRun: boolean;
  readonly database: string;
  readonly run: string;
  readonly rolledBack: readonly FileResult[];
  readonly skipped: readonly string[];
  readonly pendingCount: number;
  readonly failed: MigrationFailure | null;
  readonly conflicts: readonly Conflict[];
}

export const definition = defineCommand({
  path: ['migrate', 'down'],
  summary: 'take applied migrations back',
  description:
    'Runs the down section that was stored when the file was applied, so that it also works when the file is gone; --from-files uses the files of today. One transaction per file, with the checks of migrate up.',
  options: {
    ...folderOptions,
    steps: { type: 'integer', value: 'n', minimum: 1, summary: 'how many versions to take back (1 without --to)' },
    to: { type: 'text', value: 'version', summary: 'newest version that stays; 0 takes everything back' },
    fromFiles: { type: 'flag', summary: 'use the down sections of the files' },
    lockTimeout: lockTimeoutOption,
  },
  examples: [
    { command: 'migrate down -d trading.db', does: 'take the newest migration back, after a question' },
    { command: 'migrate down -d trading.db --to 20260301093000 --yes', does: 'back to a version, without a question' },
    { command: 'migrate down -d trading.db --steps 3 --dry-run', does: 'try it on a shadow; write nothing' },
  ],
  exitCodes: { 0: 'taken back', ...runExitCodes, 1: 'a file failed, or has no way back; nothing was left behind' },
  formats: ['ndjson'],
  changes: true,
  asks: true,
  async run({ options }, context) {
    const { planDown, rollBackMigrations } = await import('../../core/migration/down.ts');
    const { conflictFinding } = await import('../../core/migration/conflict.ts');
    const { openForDown } = await import('../../core/migration/open.ts');
    const { source, table } = await migrationSource(options, context);
    const database = context.databasePath();
    const { lockTimeoutMs, tool } = runSettings(options, context);
    const target = await openForDown(database, { dryRun: context.dryRun, table, lockTimeoutMs }, context);
    try {
      const settings = {
        connection: target.connection,
        source,
        table,
        tool,
        lockTimeoutMs,
        fromFiles: options.fromFiles,
        ...(options.to === undefined ? {} : { to: options.to }),
        ...(options.steps === undefined ? {} : { steps: options.steps }),
        onFile: (file: FileResult): void => context.emit({ type: 'rolledBack', ...file }),
      };
      const plan = planDown(settings);
      if (!context.dryRun && plan.steps.length > 0) await context.confirm(question(plan, database));
      const result = await rollBackMigrations(settings, context);
      const findings = [
        ...result.conflicts.map(conflictFinding),
        ...(result.failed === null ? [] : [failureFinding(result.failed)]),
        ...violationFindings(result.rolledBack),
      ];
      const failed = result.conflicts.length > 0 || result.failed !== null;
      return context.report<MigrateDownData>(
        { dryRun: context.dryRun, database, ...result },
        { findings, status: failed ? 'failed' : 'ok' },
      );
    } finally {
      target.close();
    }
  },
  exitCode: (report) => runExitCode(report.data) ?? 0,
});

function question(plan: DownPlan, database: string): string {
  const names = plan.steps.map((step) => `${step.place.version}_${step.place.name}`);
  return `take back ${names.join(', ')} of ${JSON.stringify(database)}?`;
}
