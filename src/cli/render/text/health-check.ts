import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { CheckRow } from '../../../core/health/check.ts';
import type { HealthData } from '../../../core/health/health-data.ts';
import type { Finding, Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { plural, printable } from '../format.ts';
import { renderNagios } from '../nagios.ts';
import { paintStatus, type Style } from '../style.ts';

const statusWidth = 8;

/** Findings of one check that are shown below it. */
const shownFindings = 8;

export function render(report: Report<HealthData>, style: Style): string {
  const { data } = report;
  if (data.nagios !== undefined) return renderNagios(data);
  const idWidth = Math.max(...data.checks.map(({ id }) => id.length), 12);
  const lines = [heading(report, style)];
  if (data.sinceLast === true) lines.push(sinceLine(data));
  const changed = new Set(data.changes.map(({ id }) => id));
  const shown =
    data.sinceLast === true ? data.checks.filter(({ id }) => changed.has(id)) : withRulesTogether(data.checks);
  for (const row of shown) lines.push(...rowLines(row, report.findings, idWidth, style));
  // No check tells of these: they are about the run itself.
  const ofAlerts = report.findings.filter(({ id }) => id.startsWith('alerts.') || id.startsWith('healing.'));
  if (ofAlerts.length > 0) lines.push(renderFindings(ofAlerts, style));
  for (const { action, decision, reason } of data.healing ?? []) {
    lines.push(`  healing ${action}: ${decision === 'dry-run' ? 'would be done' : decision}, ${printable(reason)}`);
  }
  lines.push(footer(report));
  return lines.join('\n');
}

function sinceLine({ changes, previousRunAt }: HealthData): string {
  if (previousRunAt === null) return '  no run to compare with';
  const list = changes.map(({ id, before, after }) => `${id} ${before} -> ${after}`).join(', ');
  return `  since ${previousRunAt}: ${list === '' ? 'nothing changed' : list}`;
}

function heading({ data, status }: Report<HealthData>, style: Style): string {
  const { database } = data;
  const journal = database.journalMode === null ? '' : database.journalMode === 'wal' ? 'WAL' : 'rollback journal';
  const connected =
    database.connectedProcesses === null
      ? ''
      : `${plural(database.connectedProcesses, 'process', 'processes')} connected`;
  const facts = [formatByteSize(database.sizeBytes), journal, connected].filter((part) => part !== '').join('   ');
  const word = status === 'ok' ? 'OK' : status.toUpperCase();
  const left = `${style.bold(printable(baseName(database.path)))}   ${facts}`;
  const width = printable(baseName(database.path)).length + 3 + facts.length;
  const room = (style.columns > 0 ? Math.min(style.columns, 100) : 100) - width - word.length;
  const color = status === 'ok' ? style.green : status === 'warning' ? style.yellow : style.red;
  return `${left}${' '.repeat(Math.max(3, room))}${style.bold(color(word))}`;
}

/** Rules that are kept are many and all say the same: one line tells it. */
function withRulesTogether(rows: readonly CheckRow[]): CheckRow[] {
  const isKept = (row: CheckRow): boolean =>
    row.status === 'ok' && row.id.startsWith('rule.') && (row.value ?? 0) === 0;
  const kept = rows.filter(isKept);
  const [first] = kept;
  if (first === undefined || kept.length < 3) return [...rows];
  const durationMs = kept.reduce((sum, row) => sum + row.durationMs, 0);
  const { value: _, ...base } = first;
  const together = { ...base, id: 'rule.*', summary: `${plural(kept.length, 'business rule')} are kept`, durationMs };
  return rows.filter((row) => row === first || !isKept(row)).map((row) => (row === first ? together : row));
}

function rowLines(row: CheckRow, findings: readonly Finding[], idWidth: number, style: Style): string[] {
  const indent = ' '.repeat(2 + idWidth + 2 + statusWidth + 2);
  const status = paintStatus(row.status, style) + ' '.repeat(Math.max(0, statusWidth - row.status.length));
  const own = findings.filter(({ id }) => id === row.id);
  const lines = own.map((finding) => finding.message);
  const texts = lines.length === 0 ? [row.reason ?? row.summary] : lines.slice(0, shownFindings);
  if (lines.length > shownFindings) texts.push(`and ${lines.length - shownFindings} more (--json shows all)`);
  // Advice about what is well is in `health rules` and in --json.
  const hints =
    row.status === 'ok' ? [] : [...new Set(own.map(({ hint }) => hint).filter((hint) => hint !== undefined))];
  return [
    ...texts.flatMap((text, index) => {
      const head = index === 0 ? `  ${row.id.padEnd(idWidth)}  ${status}  ` : indent;
      return wrap(printable(text), style.columns, indent).map((line, part) =>
        part === 0 ? head + line : indent + line,
      );
    }),
    ...hints.flatMap((hint) =>
      wrap(`try: ${printable(hint)}`, style.columns, indent).map((line) => indent + style.dim(line)),
    ),
  ];
}

function footer({ data, durationMs, startedAt }: Report<HealthData>): string {
  const count = (status: CheckRow['status']): number => data.checks.filter((row) => row.status === status).length;
  const skipped = count('skipped');
  const summary = `${plural(data.checks.length, 'check')}: ${count('critical')} critical, ${count('warning')} warning, ${count('unknown')} unknown${skipped === 0 ? '' : `, ${skipped} skipped`}`;
  const due = (at: string): string => {
    const ms = Date.parse(at) - Date.parse(startedAt);
    return ms < 60_000 ? 'now' : `in ${formatDuration(Math.round(ms / 3_600_000) * 3_600_000 || ms)}`;
  };
  return `${summary}   next: daily ${due(data.nextDue.daily)}, deep ${due(data.nextDue.deep)}   ${formatDuration(durationMs)}`;
}

function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1) || path;
}

/** Breaks a text at spaces so that it fits behind the indent; no terminal, no breaks. */
function wrap(text: string, columns: number, indent: string): string[] {
  const width = columns - indent.length;
  if (columns === 0 || text.length <= width || width < 20) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
