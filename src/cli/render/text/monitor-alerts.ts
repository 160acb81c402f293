import type { AlertRow, AlertsData, HistoryRow, RuleRow } from '../../../core/alert/alerts-data.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatTime, plural, printable } from '../format.ts';
import { paintStatus, type Style } from '../style.ts';
import { table } from '../table.ts';

export function render(report: Report<AlertsData>, style: Style): string {
  const { data } = report;
  const shown = data.alerts.filter(({ state, firing }) => firing || state !== 'ok');
  const parts = [heading(data, style)];
  if (shown.length > 0) parts.push(alertTable(shown, report, style));
  if (data.silences.length > 0) parts.push(silences(data, style));
  if (data.rules !== null) parts.push(ruleTable(data.rules, style));
  if (data.history !== null) parts.push(historyTable(data.history, style));
  parts.push(footer(data));
  if (report.findings.length > 0) parts.push(renderFindings(report.findings, style));
  return parts.join('\n');
}

function heading({ database, alerts }: AlertsData, style: Style): string {
  const name = database.slice(Math.max(database.lastIndexOf('/'), database.lastIndexOf('\\')) + 1);
  const firing = alerts.filter((alert) => alert.firing).length;
  const pending = alerts.filter(({ state }) => state === 'pending').length;
  const facts =
    alerts.length === 0
      ? 'no rule was evaluated yet (tradedb health --notify does)'
      : `${firing} firing, ${pending} pending, ${alerts.length} watched`;
  return `${style.bold(printable(name))}   ${facts}`;
}

function alertTable(rows: readonly AlertRow[], { startedAt }: Report, style: Style): string {
  const columns = [
    { title: 'state' },
    { title: 'severity' },
    { title: 'rule' },
    { title: 'since', align: 'right' as const },
    { title: 'value', align: 'right' as const },
    { title: 'labels', flexible: true },
    { title: 'see', flexible: true },
  ];
  const cells = rows.map((row) => [
    row.silencedUntil === null ? row.state : `${row.state} (silenced)`,
    row.severity === null ? '-' : paintStatus(row.severity, style),
    row.rule,
    age(row.since, startedAt),
    row.value === null ? '-' : number(row.value),
    labels(row.labels),
    row.runbook === null ? '' : printable(row.runbook),
  ]);
  return table(columns, cells, style);
}

function silences({ silences: rows }: AlertsData, style: Style): string {
  const columns = [
    { title: 'silence' },
    { title: 'alerts', flexible: true },
    { title: 'until' },
    { title: 'by' },
    { title: 'why', flexible: true },
  ];
  const cells = rows.map((row) => [
    row.id,
    printable(row.matcher),
    formatTime(row.end),
    printable(row.author),
    printable(row.comment),
  ]);
  return table(columns, cells, style);
}

function ruleTable(rules: readonly RuleRow[], style: Style): string {
  const columns = [
    { title: 'rule' },
    { title: 'metric', flexible: true },
    { title: 'warning', align: 'right' as const },
    { title: 'critical', align: 'right' as const },
    { title: 'for' },
    { title: 'keep' },
    { title: 'no data' },
    { title: 'group' },
  ];
  const cells = rules.map((rule) => {
    const limit = (value: number | undefined): string =>
      value === undefined ? '-' : `${rule.direction === 'above' ? '>=' : '<='} ${number(value)}`;
    const metric = Object.keys(rule.labels).length === 0 ? rule.metric : `${rule.metric} {${labels(rule.labels)}}`;
    const { warning, critical } = rule.limits;
    const times = [formatDuration(rule.forMs), formatDuration(rule.keepMs)];
    return [rule.id, metric, limit(warning), limit(critical), ...times, rule.nodata, printable(rule.group)];
  });
  return table(columns, cells, style);
}

function historyTable(rows: readonly HistoryRow[], style: Style): string {
  if (rows.length === 0) return '  nothing changed in this time';
  const columns = [
    { title: 'time' },
    { title: 'change' },
    { title: 'severity' },
    { title: 'rule' },
    { title: 'value', align: 'right' as const },
    { title: 'labels', flexible: true },
  ];
  const cells = rows.map((row) => [
    formatTime(row.at),
    row.kind,
    paintStatus(row.severity, style),
    row.rule,
    row.value === null ? '-' : number(row.value),
    labels(row.labels),
  ]);
  return table(columns, cells, style);
}

function footer({ outbox, channels, delivery, breakers }: AlertsData): string {
  const to = channels.length === 0 ? 'no channel is configured (alerts.channels)' : plural(channels.length, 'channel');
  const errors = Object.entries(outbox.errors).map(([channel, error]) => `; ${channel}: ${printable(error)}`);
  const open = breakers.filter((breaker) => breaker.open);
  const stuck = open.map(
    ({ action, failures }) =>
      `\nhealing ${action} failed ${failures} times in a row and rests: --reset-breaker ${action}`,
  );
  const line = `${to}: ${plural(outbox.pending, 'notification')} waiting, ${outbox.dead} given up${errors.join('')}${stuck.join('')}`;
  return delivery === null ? line : `${plural(delivery.sent, 'notification')} sent\n${line}`;
}

function labels(all: Readonly<Record<string, string>>): string {
  return Object.entries(all)
    .map(([name, value]) => `${printable(name)}=${printable(value)}`)
    .join(', ');
}

function age(since: string, now: string): string {
  const ms = Math.max(0, Date.parse(now) - Date.parse(since));
  return formatDuration(ms < 60_000 ? Math.round(ms / 1000) * 1000 : Math.round(ms / 60_000) * 60_000);
}

/** Digits in groups of three; fractions as they are, because what a value counts is not known here. */
function number(value: number): string {
  const [whole = '', fraction] = String(Number(value.toPrecision(12))).split('.');
  return whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',') + (fraction === undefined ? '' : `.${fraction}`);
}
