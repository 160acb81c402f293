import type { AnyCommand, ExitCode } from '../commands/definition.ts';
import type { ErrorCode } from '../core/error.ts';
import type { Report } from '../core/report.ts';

/** The table of `tradedb help exit-codes` and docs/exit-codes.md. */
export const exitCodeTable: Readonly<Record<ExitCode, string>> = {
  0: 'done, healthy, nothing found',
  1: 'failed; nothing was left half done',
  2: 'usage or configuration',
  3: 'done with warnings, or a comparison that cannot tell',
  4: 'findings: unhealthy, threshold crossed, lint error, regression, pending migrations with --exit-code',
  10: 'database, backup or file not found',
  11: 'locked or busy until the timeout',
  12: 'verification failed: checksum, integrity, not a database',
  13: 'schema drift',
  14: 'migration history conflict: edited, missing, late, duplicate',
  15: 'needs the operator: a step that cannot be undone automatically is half done, with the command that resumes it',
  78: 'Node.js too old',
  130: 'interrupted (SIGINT)',
  143: 'terminated (SIGTERM)',
};

const codes: Readonly<Partial<Record<ErrorCode, ExitCode>>> = {
  usage: 2,
  config_invalid: 2,
  config_not_found: 2,
  migration_invalid: 2,
  scenario_invalid: 2,
  unsupported: 2,
  key_required: 2,
  key_rejected: 2,
  database_not_found: 10,
  file_not_found: 10,
  backup_not_found: 10,
  database_locked: 11,
  restore_target_in_use: 11,
  lease_held: 11,
  lease_lost: 11,
  database_corrupt: 12,
  database_empty: 12,
  not_a_database: 12,
  checksum_mismatch: 12,
  schema_missing: 12,
  repository_invalid: 12,
  migration_edited: 14,
  migration_missing: 14,
  migration_late: 14,
  migration_duplicate: 14,
  migration_interrupted: 14,
  restore_pending: 15,
  cancelled: 130,
};

export function exitCodeOfError(code: ErrorCode): ExitCode {
  return codes[code] ?? 1;
}

const byStatus: Readonly<Record<Report['status'], ExitCode>> = { ok: 0, warning: 3, critical: 4, failed: 1 };

/** The code of a report: the command's own rule, or the one that follows from the status. */
export function exitCodeOfReport(
  command: AnyCommand,
  report: Report,
  options: Readonly<Record<string, unknown>>,
): ExitCode {
  return command.exitCode?.(report, { options }) ?? byStatus[report.status];
}
