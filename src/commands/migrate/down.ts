import type { Conflict } from '../../core/migration/conflict.ts';
import type { DownPlan } from '../../core/migration/down.ts';
import type { MigrationFailure } from '../../core/migration/failure.ts';
import type { FileResult } from '../../core/migration/run.ts';
import type { Connection } from '../../core/sqlite/connection.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { backUpBefore, backupOption, type SafetyBackup } from './safety-backup.ts';
import {
  failureFinding,
  folderOptions,
  lockTimeoutOption,
  migrationSource,
  openForReading,
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
  /** What was made before the first write. */
  readonly backup: SafetyBackup | null;
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
    backup: backupOption,
    lockTimeout: lockTimeoutOption,
  },
  examples: [
    { command: 'migrate down -d trading.db', does: 'take the newest migration back, after a question' },
    { command: 'migrate down -d trading.db --to 20260301093000 --yes', does: 'back to a version, without a question' },
    { command: 'migrate down -d trading.db --steps 3 --dry-run', does: 'try it on a shadow; write nothing' },
  ],
  quietWhenOk: true,
  exitCodes: { 0: 'taken back', ...runExitCodes, 1: 'a file failed, or has no way back; nothing was left behind' },
  formats: ['ndjson'],
  changes: true,
  asks: true,
  async run({ options }, context) {
    const { planDown, rollBackMigrations } = await import('../../core/migration/down.ts');
    const { conflictFinding } = await import('../../core/migration/conflict.ts');
    const { openForDown } = await import('../../core/migration/open.ts');
    const { newRunId } = await import('../../core/migration/session.ts');
    const { source, table } = await migrationSource(options, context);
    const database = context.databasePath();
    const shared = runSettings(options, context);
    const { lockTimeoutMs } = shared;
    const choice = {
      source,
      table,
      fromFiles: options.fromFiles,
      ...(options.to === undefined ? {} : { to: options.to }),
      ...(options.steps === undefined ? {} : { steps: options.steps }),
    };
    const planOn = (connection: Connection): DownPlan => planDown({ ...choice, connection });
    const mode = options.backup ?? context.config.migrations.safetyBackup;
    const run = newRunId(context);
    const backup = context.dryRun
      ? null
      : await askAndBackUp({ database, run, mode, timeoutMs: lockTimeoutMs, planOn }, context);
    const target = await openForDown(database, { dryRun: context.dryRun, table, lockTimeoutMs }, context);
    try {
      const onFile = (file: FileResult): void => context.emit({ type: 'rolledBack', ...file });
      const settings = { ...shared, ...choice, run, connection: target.connection, onFile };
      const result = await rollBackMigrations(settings, context);
      const findings = [
        ...result.conflicts.map(conflictFinding),
        ...(result.failed === null ? [] : [failureFinding(result.failed)]),
        ...violationFindings(result.rolledBack),
      ];
      const failed = result.conflicts.length > 0 || result.failed !== null;
      return context.report<MigrateDownData>(
        { dryRun: context.dryRun, database, ...result, backup },
        { findings, status: failed ? 'failed' : 'ok' },
      );
    } finally {
      target.close();
    }
  },
  exitCode: (report) => runExitCode(report.data) ?? 0,
});

interface Intent {
  readonly database: string;
  readonly run: string;
  readonly mode: 'auto' | 'always' | 'never';
  readonly timeoutMs: number;
  planOn(connection: Connection): DownPlan;
}

/** Asks before anything is written, the backup included. */
async function askAndBackUp({ planOn, ...request }: Intent, context: CommandContext): Promise<SafetyBackup | null> {
  const reader = await openForReading(request.database, context);
  let plan: DownPlan;
  try {
    plan = planOn(reader);
  } finally {
    reader.close();
  }
  if (plan.steps.length === 0) return null;
  await context.confirm(question(plan, request.database));
  const sections = (connection: Connection) => planOn(connection).steps.map((step) => step.section);
  return backUpBefore({ ...request, sections }, context);
}

function question(plan: DownPlan, database: string): string {
  const names = plan.steps.map((step) => `${step.place.version}_${step.place.name}`);
  return `take back ${names.join(', ')} of ${JSON.stringify(database)}?`;
}
