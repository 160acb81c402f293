import type { Limits } from '../limits.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly severity: 'warning' | 'critical';
  readonly summary: string;
  readonly runbook: string;
}

/** Limits that the rules take from `alerts.thresholds`; times in milliseconds. */
export interface RuleLimits extends Limits {
  readonly readerAge: { readonly warning: number; readonly critical: number };
}

/** Alert rules for Prometheus as a YAML file, with the limits of the configuration. For those who have an Alertmanager. */
export function prometheusRules(limits: RuleLimits): string {
  const lines = ['groups:', '  - name: tradedb', '    rules:'];
  for (const rule of rulesOf(limits)) {
    lines.push(
      `      - alert: ${rule.alert}`,
      // A JSON text is a YAML text.
      `        expr: ${JSON.stringify(rule.expr)}`,
      `        for: ${rule.for}`,
      '        labels:',
      `          severity: ${rule.severity}`,
      '        annotations:',
      `          summary: ${JSON.stringify(rule.summary)}`,
      `          runbook: ${JSON.stringify(rule.runbook)}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function rulesOf(limits: RuleLimits): Rule[] {
  const pair = (
    alert: string,
    limit: { readonly warning: number; readonly critical: number },
    rule: Omit<Rule, 'alert' | 'expr' | 'severity'> & { readonly expr: (value: number) => string },
  ): Rule[] =>
    (['warning', 'critical'] as const).map((severity) => ({
      ...rule,
      alert: `${alert}${severity === 'critical' ? 'Critical' : ''}`,
      severity,
      expr: rule.expr(limit[severity]),
    }));
  const one = (alert: string, severity: Rule['severity'], rule: Omit<Rule, 'alert' | 'severity'>): Rule => ({
    ...rule,
    alert,
    severity,
  });
  const of = '{{ $labels.database }}';
  return [
    one('TradedbSamplerDown', 'critical', {
      expr: 'tradedb_sampler_up == 0',
      for: '1m',
      summary: `${of}: no samples arrive`,
      runbook: 'tradedb health',
    }),
    one('TradedbDatabaseAbsent', 'critical', {
      expr: 'tradedb_database_present == 0',
      for: '1m',
      summary: `${of}: there is no file at its path`,
      runbook: 'tradedb health',
    }),
    ...pair('TradedbWalBacklog', limits.walSize, {
      expr: (value) => `tradedb_wal_backlog_bytes >= ${value}`,
      for: '1m',
      summary: `${of}: {{ $value | humanize1024 }}B of the WAL are not checkpointed`,
      runbook: 'tradedb vacuum checkpoint',
    }),
    ...pair('TradedbPinnedReader', limits.readerAge, {
      expr: (value) => `tradedb_pinned_reader_seconds >= ${value / 1000}`,
      for: '30s',
      summary: `${of}: a reader has stopped the checkpoint for {{ $value | humanizeDuration }}`,
      runbook: 'tradedb monitor',
    }),
    ...pair('TradedbDatabaseSize', limits.databaseSize, {
      expr: (value) => `tradedb_database_bytes >= ${value}`,
      for: '5m',
      summary: `${of}: the file has {{ $value | humanize1024 }}B`,
      runbook: 'tradedb analyze space',
    }),
    ...pair('TradedbDiskFree', limits.freeSpace, {
      expr: (value) => `tradedb_disk_free_bytes <= ${value}`,
      for: '1m',
      summary: `${of}: {{ $value | humanize1024 }}B are free on its disk`,
      runbook: 'tradedb analyze space',
    }),
    ...pair('TradedbBackupAge', limits.backupAge, {
      expr: (value) => `time() - tradedb_job_last_success_timestamp_seconds{job="backup"} >= ${value / 1000}`,
      for: '1m',
      summary: `${of}: the last good backup is {{ $value | humanizeDuration }} old`,
      runbook: 'tradedb backup',
    }),
    one('TradedbJobFails', 'warning', {
      expr: 'tradedb_job_failures_in_row > 0',
      for: '1m',
      summary: `${of}: the job {{ $labels.job }} failed {{ $value }} times in a row`,
      runbook: 'tradedb monitor --view jobs',
    }),
    one('TradedbArchiveDown', 'critical', {
      expr: 'tradedb_archive_running == 0',
      for: '5m',
      summary: `${of}: the archiver does not run; new commits are not archived`,
      runbook: 'tradedb backup archive',
    }),
    one('TradedbArchiveBlocked', 'critical', {
      expr: 'tradedb_archive_blocked == 1',
      for: '2m',
      summary: `${of}: the archiver cannot write into the repository`,
      runbook: 'tradedb backup list',
    }),
    one('TradedbHealthCritical', 'critical', {
      expr: 'tradedb_health_status == 2',
      for: '0s',
      summary: `${of}: the check {{ $labels.check }} is critical`,
      runbook: 'tradedb health',
    }),
  ];
}
