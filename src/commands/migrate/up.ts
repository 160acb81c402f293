import type { Conflict } from '../../core/migration/conflict.ts';
import type { MigrationFailure } from '../../core/migration/failure.ts';
import type { LintFinding } from '../../core/migration/lint.ts';
import type { MigrationSource, Section } from '../../core/migration/migration.ts';
import type { MigrationPlan } from '../../core/migration/plan.ts';
import type { FileResult } from '../../core/migration/run.ts';
import type { UpEvents, UpRequest, UpRunResult } from '../../core/migration/up-run.ts';
import type { Connection } from '../../core/sqlite/connection.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { lintBefore, lintFinding } from './lint-before.ts';
import { backUpBefore, backupOption, type SafetyBackup } from './safety-backup.ts';
import {
  failureFinding,
  folderOptions,
  hooksDirectory,
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
  /** Seeds that ran behind the files. */
  readonly seeded: readonly FileResult[];
  readonly pendingCount: number;
  readonly failed: MigrationFailure | null;
  readonly conflicts: readonly Conflict[];
  /** What was made before the first write. */
  readonly backup: SafetyBackup | null;
  /** Only with --dry-run. */
  readonly plan: MigrationPlan | null;
  /** What stopped it before anything ran; empty unless migrations.lint.onUp is set. */
  readonly lintHits: readonly LintFinding[];
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
  readonly seed: boolean;
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
    seed: { type: 'flag', summary: 'run the files of migrations.seedsDirectory afterwards' },
    lockTimeout: lockTimeoutOption,
  },
  examples: [
    { command: 'migrate up -d trading.db', does: 'apply everything that is pending' },
    { command: 'migrate up -d new.db --create', does: 'make a database from the migrations' },
    { command: 'migrate up -d trading.db --atomic --lock-timeout 2m', does: 'all files or none, beside a busy writer' },
    { command: 'migrate up -d trading.db --backup always', does: 'with a backup, whatever the files do' },
    { command: 'migrate up -d trading.db --seed', does: 'with the rows of the seeds afterwards' },
    { command: 'migrate up -d trading.db --dry-run', does: 'try it on a shadow; write nothing' },
  ],
  quietWhenOk: true,
  exitCodes: {
    0: 'nothing is pending, up to --to and --steps',
    ...runExitCodes,
    4: 'lint found something in the pending files, with migrations.lint.onUp; nothing ran',
  },
  formats: ['ndjson'],
  changes: true,
  async run({ options }, context) {
    const data = context.dryRun ? await tryUp(options, context) : await runUp(options, context);
    const { conflictFinding } = await import('../../core/migration/conflict.ts');
    const findings = [
      ...data.conflicts.map(conflictFinding),
      ...(data.failed === null ? [] : [failureFinding(data.failed)]),
      ...violationFindings([...data.applied, ...data.seeded]),
      ...data.lintHits.map(lintFinding),
    ];
    const failed = data.conflicts.length > 0 || data.failed !== null || data.lintHits.length > 0;
    return context.report<MigrateUpData>(data, { findings, status: failed ? 'failed' : 'ok' });
  },
  exitCode: ({ data }) => runExitCode(data) ?? (data.lintHits.length > 0 ? 4 : 0),
});

async function runUp(options: Choice, context: CommandContext): Promise<MigrateUpData> {
  const { source: folder, table } = await migrationSource(options, context);
  const settings = runSettings(options, context);
  const database = context.databasePath();
  // The folder is read first: a typing error in --dir must not leave a new, empty database behind.
  const files = folder.list();
  const source = { directory: folder.directory, list: () => files };
  const choice = choiceOf(options, context);
  const nothing = { dryRun: false, database, run: '', applied: [], skipped: [], seeded: [], backup: null, plan: null };
  const { hits, pendingCount } = await lintBefore({ database, source, table, ...choice }, context);
  if (hits.length > 0) {
    return { ...nothing, pendingCount, failed: null, conflicts: [], lintHits: hits };
  }
  const { newRunId } = await import('../../core/migration/session.ts');
  const seedsDirectory = options.seed ? context.resolveConfigured(context.config.migrations.seedsDirectory) : null;
  const run = newRunId(context);
  const backup = await backUpBefore(
    {
      database,
      run,
      mode: options.backup ?? context.config.migrations.safetyBackup,
      timeoutMs: settings.lockTimeoutMs,
      sections: await sectionsToRun({ source, table, choice, seedsDirectory }),
    },
    context,
  );
  const request: UpRequest = {
    ...settings,
    ...choice,
    database,
    create: options.create,
    directory: source.directory,
    table,
    hooksDirectory: hooksDirectory(source.directory, context),
    seedsDirectory,
    run,
  };
  const events: UpEvents = {
    onFile: (file) => context.emit({ type: 'applied', ...file }),
    onSeed: (file) => context.emit({ type: 'seeded', ...file }),
  };
  const result = await carryOut({ request, events, source }, context);
  return { ...nothing, ...result, backup, lintHits: [] };
}

interface Work {
  readonly request: UpRequest;
  readonly events: UpEvents;
  readonly source: MigrationSource;
}

/** In this process, or with a limit for statements in one that can be killed. */
async function carryOut({ request, events, source }: Work, context: CommandContext): Promise<UpRunResult> {
  const statementMs = context.config.migrations.statementTimeout;
  if (statementMs === undefined) {
    const { runUp: run } = await import('../../core/migration/up-run.ts');
    return run(request, events, context, source);
  }
  const { runWithDeadline } = await import('../../core/migration/deadline/run-with-deadline.ts');
  return runWithDeadline(request, { statementMs, execPath: context.host.execPath }, events, context);
}

interface ToRun {
  readonly source: MigrationSource;
  readonly table: string;
  readonly choice: ReturnType<typeof choiceOf>;
  readonly seedsDirectory: string | null;
}

/** What the safety backup looks at: pending files, and seeds too. */
async function sectionsToRun({ source, table, choice, seedsDirectory }: ToRun) {
  const { pendingSections } = await import('../../core/migration/pending-sections.ts');
  const seeds =
    seedsDirectory === null
      ? []
      : await import('../../core/migration/seeds.ts').then(({ readSeeds }) => readSeeds(seedsDirectory));
  return (connection: Connection): Section[] => [
    ...pendingSections(connection, source, { table, ...choice }),
    ...seeds.map((seed) => seed.section),
  ];
}

async function tryUp(options: Choice, context: CommandContext): Promise<MigrateUpData> {
  const { planMigrations } = await import('../../core/migration/plan.ts');
  const { openForPlan } = await import('../../core/migration/open.ts');
  const { source, table } = await migrationSource(options, context);
  const database = context.databasePath();
  const { readHooks } = await import('../../core/migration/hooks.ts');
  const hooks = await readHooks(hooksDirectory(source.directory, context));
  const connection = openForPlan(database, options.create, context);
  try {
    const plan = await planMigrations({ ...choiceOf(options, context), connection, source, table, hooks }, context);
    const { failed, conflicts } = plan;
    return {
      dryRun: true,
      database,
      run: '',
      applied: [],
      skipped: [],
      seeded: [],
      pendingCount: plan.pendingCount,
      failed,
      conflicts,
      backup: null,
      plan,
      lintHits: [],
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
