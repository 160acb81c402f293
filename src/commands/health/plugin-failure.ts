import { TradedbError } from '../../core/error.ts';
import type { HealthData } from '../../core/health/health-data.ts';
import type { Report } from '../../core/report.ts';
import type { CommandContext } from '../definition.ts';

/** What is wrong with the database itself is critical for a plugin; everything else is unknown. */
const critical: ReadonlySet<string> = new Set([
  'database_not_found',
  'database_empty',
  'not_a_database',
  'database_corrupt',
  'restore_pending',
]);

/** The report of a plugin run that could not look at the database. Interrupts and usage errors stay errors. */
export function failedPluginReport(
  error: unknown,
  nagios: NonNullable<HealthData['nagios']>,
  context: CommandContext,
): Report<HealthData> {
  if (!(error instanceof TradedbError) || error.code === 'cancelled' || error.code === 'usage') throw error;
  const status = critical.has(error.code) ? 'critical' : 'unknown';
  const row = { id: 'file.kind', tier: 'quick', cost: 'cheap', status, summary: error.message } as const;
  const never = new Date(context.clock.wallTime()).toISOString();
  const data: HealthData = {
    database: {
      path: context.config.database.path ?? '',
      sizeBytes: 0,
      pageSizeBytes: null,
      pageCount: null,
      journalMode: null,
      connectedProcesses: null,
      holdersVisible: false,
      freeBytes: 0,
    },
    tier: 'quick',
    checks: [{ ...row, durationMs: 0, ranOn: 'none', reason: error.message }],
    scan: null,
    changes: [],
    previousRunAt: null,
    nextDue: { daily: never, deep: never },
    damaged: false,
    locked: error.code === 'database_locked',
    nagios,
  };
  const findings =
    status === 'critical' ? [{ id: 'file.kind', severity: 'critical', message: error.message } as const] : [];
  return context.report(data, { status: status === 'critical' ? 'critical' : 'warning', findings });
}
