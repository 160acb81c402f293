import type { Conflict } from '../../core/migration/conflict.ts';
import type { MigrationFailure } from '../../core/migration/failure.ts';
import type { MigrationPlan } from '../../core/migration/plan.ts';
import type { FileResult } from '../../core/migration/run.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { backUpBefore, backupOption, type SafetyBackup } from './safety-backup.ts';
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

export interface MigrateUpData {
  readonly dryRun: boolean;
  readonly database: string;
  /** Id in the history; empty when nothing was written. */
  readonly run: string;
  readonly applied: readonly FileResult[];
  /** Versions that another process applied meanwhile. */
  readonly skipped: readonly string[];
  readonly pendingCount: number;
  readonly failed: MigrationFailure | null;
  readonly conflicts: readonly Conflict[];
  /** What was made before the first write. */
  readonly backup: SafetyBackup | null;
  /** Only with --dry-run. */
  readonly plan: MigrationPlan | null;
}

interface Choice {
  readonly dir: string | undefined;
  readonly table: string | undefined;
  readonly to: string | undefined;
  readonly steps: number | undefined;
  readonly atomic: boolean;
  readonly allowOutOfOrder: boolean;
  readonly create: boolean;
  readonly backup: 'auto' | 'always' | 'never' | undefined;
  readonly lockTimeout: number | undefined;
}

export const definition = defineCommand({
  path: ['migrate', 'up'],
  summary: 'apply pending migrations',
  description:
    'Each file runs in one transaction together with its history row; --atomic runs all of them in one. Foreign keys are off during the run and compared before COMMIT: new violations, lost indexes and triggers, broken views and triggers stop the file and leave nothing behind. Several processes may migrate at once: each file is applied once.',
  options: {
    ...folderOptions,
    to: { type: 'text', value: 'version', summary: 'stop behind this version' },
    steps: { type: 'integer', value: 'n', minimum: 1, summary: 'apply at most this many files' },
    atomic: { type: 'flag', summary: 'one transaction for all files: everything or nothing' },
    allowOutOfOrder: { type: 'flag', summary: 'accept files older than the newest applied one' },
    create: { type: 'flag', summary: 'make the database when it does not exist' },
    backup: backupOption,
    lockTimeout: lockTimeoutOption,
  },
  examples: [
    { command: 'migrate up -d trading.db', does: 'apply everything that is pending' },
    { command: 'migrate up -d new.db --create', does: 'make a database from the migrations' },
    { command: 'migrate up -d trading.db --atomic --lock-timeout 2m', does: 'all files or none, beside a busy writer' },
    { command: 'migrate up -d trading.db --backup always', does: 'with a backup, whatever the files do' },
    { command: 'migrate up -d trading.db --dry-run', does: 'try it on a shadow; write nothing' },
  ],
  quietWhenOk: true,
  exitCodes: { 0: 'nothing is pending, up to --to and --steps', ...runExitCodes },
  formats: ['ndjson'],
  changes: true,
  async run({ options }, context) {
    const data = context.dryRun ? await tryUp(options, context) : await runUp(options, context);
    const { conflictFinding } = await import('../../core/migration/conflict.ts');
    const findings = [
      ...data.conflicts.map(conflictFinding),
      ...(data.failed === null ? [] : [failureFinding(data.failed)]),
      ...violationFindings(data.applied),
    ];
    const failed = data.conflicts.length > 0 || data.failed !== null;
    return context.report<MigrateUpData>(data, { findings, status: failed ? 'failed' : 'ok' });
  },
  exitCode: (report) => runExitCode(report.data) ?? 0,
});

async function runUp(options: Choice, context: CommandContext): Promise<MigrateUpData> {
  const { applyMigrations } = await import('../../core/migration/up.ts');
  const { openForMigration } = await import('../../core/migration/open.ts');
  const { source: folder, table } = await migrationSource(options, context);
  const settings = runSettings(options, context);
  const database = context.databasePath();
  // The folder is read first: a typing error in --dir must not leave a new, empty database behind.
  const files = folder.list();
  const source = { directory: folder.directory, list: () => files };
  const { pendingSections } = await import('../../core/migration/pending-sections.ts');
  const { newRunId } = await import('../../core/migration/session.ts');
  const run = newRunId(context);
  const backup = await backUpBefore(
    {
      database,
      run,
      mode: options.backup ?? context.config.migrations.safetyBackup,
      timeoutMs: settings.lockTimeoutMs,
      sections: (connection) => pendingSections(connection, source, { table, ...choiceOf(options, context) }),
    },
    context,
  );
  const connection = await openForMigration(
    database,
    { create: options.create, lockTimeoutMs: settings.lockTimeoutMs },
    context,
  );
  try {
    const onFile = (file: FileResult): void => context.emit({ type: 'applied', ...file });
    const result = await applyMigrations(
      { ...settings, ...choiceOf(options, context), run, connection, source, table, onFile },
      context,
    );
    return { dryRun: false, database, ...result, backup, plan: null };
  } finally {
    connection.close();
  }
}

async function tryUp(options: Choice, context: CommandContext): Promise<MigrateUpData> {
  const { planMigrations } = await import('../../core/migration/plan.ts');
  const { openForPlan } = await import('../../core/migration/open.ts');
  const { source, table } = await migrationSource(options, context);
  const database = context.databasePath();
  const connection = openForPlan(database, options.create, context);
  try {
    const plan = await planMigrations({ ...choiceOf(options, context), connection, source, table }, context);
    const { failed, conflicts } = plan;
    return {
      dryRun: true,
      database,
      run: '',
      applied: [],
      skipped: [],
      pendingCount: plan.pendingCount,
      failed,
      conflicts,
      backup: null,
      plan,
    };
  } finally {
    connection?.close();
  }
}

function choiceOf(options: Choice, context: CommandContext) {
  return {
    ...(options.to === undefined ? {} : { to: options.to }),
    ...(options.steps === undefined ? {} : { steps: options.steps }),
    atomic: options.atomic || context.config.migrations.transaction === 'all',
    allowOutOfOrder: options.allowOutOfOrder || context.config.migrations.outOfOrder,
  };
}
