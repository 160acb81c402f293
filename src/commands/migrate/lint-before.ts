import { statSync } from 'node:fs';
import type { LintFinding } from '../../core/migration/lint.ts';
import type { MigrationSource } from '../../core/migration/migration.ts';
import type { Finding } from '../../core/report.ts';
import type { CommandContext } from '../definition.ts';
import { openForReading } from './settings.ts';

interface Request {
  readonly database: string;
  readonly source: MigrationSource;
  readonly table: string;
  readonly to?: string;
  readonly steps?: number;
  readonly allowOutOfOrder: boolean;
}

const severities = { error: 'critical', warning: 'warning', info: 'info' } as const;

export function lintFinding(hit: LintFinding): Finding {
  return {
    id: `lint.${hit.code}`,
    severity: severities[hit.level],
    subject: `${hit.file}:${hit.line}:${hit.column}`,
    message: `${hit.code} ${hit.message}`,
    hint: hit.hint,
    values: { file: hit.file, line: hit.line, column: hit.column, level: hit.level },
  };
}

/** What stands in the way of `up` when migrations.lint.onUp says so: findings from that level on. */
export async function lintBefore(
  request: Request,
  context: CommandContext,
): Promise<{ hits: readonly LintFinding[]; pendingCount: number }> {
  const { onUp, rules, largeTableRows } = context.config.migrations.lint;
  if (onUp === 'off') return { hits: [], pendingCount: 0 };
  const { lintMigrations } = await import('../../core/migration/lint.ts');
  const { readMigrationState } = await import('../../core/migration/state.ts');
  const { selectPending } = await import('../../core/migration/up.ts');
  const { database, source, table } = request;
  const folder = source.list();
  const size = statSync(database, { throwIfNoEntry: false })?.size ?? 0;
  const connection = size === 0 ? undefined : await openForReading(database, context);
  try {
    const state = connection === undefined ? undefined : readMigrationState(connection, source, request);
    // Conflicts are told by the run itself.
    if (state !== undefined && state.conflicts.length > 0) return { hits: [], pendingCount: state.pending.length };
    const files = state === undefined ? folder : selectPending(state, request);
    const { findings } = await lintMigrations(
      { files, folder, connection, table, levels: rules, largeTableRows },
      context,
    );
    const levels = onUp === 'error' ? ['error'] : ['error', 'warning'];
    return {
      hits: findings.filter((hit) => levels.includes(hit.level)),
      pendingCount: state?.pending.length ?? folder.length,
    };
  } finally {
    connection?.close();
  }
}
