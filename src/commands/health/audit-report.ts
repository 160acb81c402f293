import type { Finding, Metric, Report } from '../../core/report.ts';
import type { AuditExportManifest } from '../../core/trading/audit/export.ts';
import type { AuditVerification } from '../../core/trading/audit/verify.ts';
import type { CommandContext } from '../definition.ts';

export interface HealthAuditData {
  readonly mode: 'verify' | 'export' | 'verify-export';
  /** Null when an export was looked at without its database. */
  readonly database: string | null;
  /** Null after a look at an export alone. */
  readonly log: AuditVerification | null;
  /** The link that was noted in the anchor file. */
  readonly anchored: { readonly file: string; readonly seq: number; readonly hash: string } | null;
  /** What was exported, or found in an export. */
  readonly export: {
    readonly path: string;
    readonly manifest: AuditExportManifest;
    readonly problem: string | null;
  } | null;
  readonly dryRun: boolean;
}

/** The report, with checks for JUnit and metrics for collectors. */
export function reportOf(
  data: HealthAuditData,
  findings: readonly Finding[],
  context: CommandContext,
): Report<HealthAuditData> {
  const { log } = data;
  if (log === null) return context.report(data, { findings });
  const critical = (id: string): boolean => findings.some((one) => one.id === id && one.severity === 'critical');
  const checks = [
    { id: 'audit.chain', ok: log.broken === null, message: log.broken?.message ?? `${log.rows} rows` },
    { id: 'audit.anchor', ok: !critical('audit.anchor'), message: `${log.contradictions.length} anchors contradict` },
    {
      id: 'audit.trigger',
      ok: log.triggers.length === 0,
      message: `${log.triggers.length} triggers are not as they should be`,
    },
  ].map(({ id, ok, message }) => ({
    id,
    group: 'audit',
    status: ok ? ('ok' as const) : ('critical' as const),
    message,
    durationMs: 0,
  }));
  return context.report(data, {
    findings,
    checks,
    metrics: metricsOf(
      log,
      checks.slice(0, 2).every(({ status }) => status === 'ok'),
      context.clock.wallTime(),
    ),
  });
}

function metricsOf(log: AuditVerification, isWhole: boolean, nowMs: number): Metric[] {
  const last = log.sources
    .flatMap((one) => (one.last === null ? [] : [Date.parse(one.last.at)]))
    .sort((a, b) => b - a)[0];
  return [
    {
      name: 'audit_whole',
      type: 'gauge',
      help: '1 when the audit chain is whole and no anchor contradicts it.',
      value: isWhole ? 1 : 0,
    },
    { name: 'audit_rows_proven', type: 'gauge', help: 'Last row of the audit log that is proven.', value: log.proven },
    ...(last === undefined
      ? []
      : [
          {
            name: 'audit_anchor_age_seconds',
            type: 'gauge' as const,
            help: 'Age of the newest anchor that holds.',
            value: Math.round((nowMs - last) / 1000),
          },
        ]),
  ];
}
