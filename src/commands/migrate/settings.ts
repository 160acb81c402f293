import { join } from 'node:path';
import type { Conflict } from '../../core/migration/conflict.ts';
import type { MigrationFailure } from '../../core/migration/failure.ts';
import type { LateFile } from '../../core/migration/independence.ts';
import type { LongSettings } from '../../core/migration/long/settings.ts';
import type { MigrationSource } from '../../core/migration/migration.ts';
import type { Finding } from '../../core/report.ts';
import type { Connection } from '../../core/sqlite/connection.ts';
import type { CommandContext, ExitCode } from '../definition.ts';

/** Options that every migrate command has. */
export const folderOptions = {
  dir: {
    type: 'path',
    value: 'folder',
    summary: 'folder of the migration files',
    config: 'migrations.directory',
    group: 'Migrations',
  },
  table: {
    type: 'text',
    value: 'name',
    summary: 'history table in the database',
    config: 'migrations.table',
    group: 'Migrations',
  },
} as const;

export const lockTimeoutOption = {
  type: 'duration',
  value: 'time',
  summary: 'how long to wait for the write lock',
  config: 'migrations.lockTimeout',
} as const;

interface FolderChoice {
  readonly dir: string | undefined;
  readonly table: string | undefined;
}

export function migrationsDirectory(options: Pick<FolderChoice, 'dir'>, context: CommandContext): string {
  return options.dir === undefined
    ? context.resolveConfigured(context.config.migrations.directory)
    : context.resolve(options.dir);
}

/** Source and history table from the options and the configuration. */
export async function migrationSource(
  options: FolderChoice,
  context: CommandContext,
): Promise<{ source: MigrationSource; table: string }> {
  const { folderSource } = await import('../../core/migration/source-folder.ts');
  return {
    source: folderSource(migrationsDirectory(options, context)),
    table: options.table ?? context.config.migrations.table,
  };
}

/** Settings of a run that writes. */
export function runSettings(options: { lockTimeout: number | undefined }, context: CommandContext) {
  const { lockTimeout, mirror } = context.config.migrations;
  return {
    tool: `tradedb ${context.host.version}`,
    lockTimeoutMs: options.lockTimeout ?? lockTimeout,
    long: longSettings(context),
    ...(mirror === 'none' ? {} : { mirror }),
  };
}

/** How files that take many transactions run, and who this process is for others. */
export function longSettings(context: CommandContext): LongSettings {
  const { data, online } = context.config.migrations;
  const { pid, hostname } = context.host;
  return {
    owner: { pid, hostname },
    takeoverMs: online.takeoverAfter,
    data: { batch: data.batch, targetHoldMs: data.targetHold, pauseRatio: data.pauseRatio },
    online: {
      targetHoldMs: online.targetHold,
      pauseRatio: online.pauseRatio,
      batchRows: [Math.min(online.leastRows, online.mostRows), online.mostRows],
      checkpointEvery: online.checkpointEvery,
    },
  };
}

/** Folder of the hooks: configured, or beside the files. */
export function hooksDirectory(directory: string, context: CommandContext): string {
  const configured = context.config.migrations.hooksDirectory;
  return configured === undefined ? join(directory, 'hooks') : context.resolveConfigured(configured);
}

export function failureFinding(failure: MigrationFailure): Finding {
  const place = failure.line === null ? failure.file : `${failure.file}:${failure.line}:${failure.column ?? 1}`;
  return {
    id: `migration.${failure.code === 'migration_failed' ? 'failed' : failure.code}`,
    severity: 'critical',
    subject: place,
    message: failure.reason,
    ...(failure.hint === null ? {} : { hint: failure.hint }),
    values: {
      file: failure.file,
      ...(failure.line === null ? {} : { line: failure.line, column: failure.column ?? 1 }),
    },
  };
}

/** Whether the order of a late file matters, as far as both orders can be tried. */
export function lateFinding({ file, independent, reason, newer }: LateFile): Finding {
  const verdict = { true: 'may run late', false: 'must not run late' }[String(independent)] ?? 'cannot be judged';
  return {
    id: independent === true ? 'migration.independent' : 'migration.order-matters',
    severity: independent === true ? 'info' : 'warning',
    subject: file,
    message: `${verdict}, behind ${newer.join(', ')}: ${reason}`,
    ...(independent === true ? { hint: 'apply it with --allow-out-of-order' } : {}),
  };
}

/** Rows without a parent that were there before: known, tolerated, told. */
export function violationFindings(
  files: readonly { oldViolations: readonly { table: string; rows: number }[] }[],
): Finding[] {
  const rows = new Map(files.flatMap((file) => file.oldViolations.map((old) => [old.table, old.rows] as const)));
  return [...rows].map(([table, count]) => ({
    id: 'migration.old-violations',
    severity: 'info',
    subject: table,
    message: `${count} ${count === 1 ? 'row has' : 'rows have'} no parent; they were there before`,
    values: { rows: count },
  }));
}

const failureCodes: Readonly<Partial<Record<MigrationFailure['code'], ExitCode>>> = {
  database_locked: 11,
  database_corrupt: 12,
  not_a_database: 12,
  migration_invalid: 2,
  lease_held: 11,
  migration_interrupted: 15,
};

/** Conflicts stop everything and come first; then the failure of a file. */
export function runExitCode(data: {
  conflicts: readonly Conflict[];
  failed: MigrationFailure | null;
}): ExitCode | undefined {
  const conflict = conflictExitCode(data.conflicts);
  if (conflict !== undefined) return conflict;
  return data.failed === null ? undefined : (failureCodes[data.failed.code] ?? 1);
}

/** What is half done needs the operator before anything else. */
export function conflictExitCode(conflicts: readonly Conflict[]): 14 | 15 | undefined {
  if (conflicts.length === 0) return undefined;
  return conflicts.some((conflict) => conflict.class === 'interrupted') ? 15 : 14;
}

export const runExitCodes = {
  1: 'a file failed; it left nothing behind',
  10: 'database or folder not found',
  11: 'the write lock was not free in time',
  12: 'not a database, or damaged',
  14: 'history conflict: edited, missing, late or duplicate files',
  15: 'a file that takes many transactions stopped half way; the output says how it goes on',
} as const;

/** The database for looking only, with the configured patience. */
export async function openForReading(path: string, context: CommandContext): Promise<Connection> {
  const { openReadOnly } = await import('../../core/sqlite/connection.ts');
  return openReadOnly(path, {
    clock: context.clock,
    random: context.random,
    busyTimeoutMs: context.config.connection.busyTimeout,
  });
}
