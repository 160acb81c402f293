import type { HealthAuditData } from '../../../commands/health/audit-report.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, formatTime, plural, printable } from '../format.ts';
import { paintStatus, type Style } from '../style.ts';

export function render(report: Report<HealthAuditData>, style: Style): string {
  const { data } = report;
  const lines = data.log === null ? [] : logLines(report, data.log, style);
  if (data.anchored !== null) {
    const { file, seq } = data.anchored;
    lines.push(
      line(
        'noted',
        `row ${formatCount(seq)} in ${printable(file)}${data.dryRun ? ' (not written: dry run)' : ''}`,
        style,
      ),
    );
  }
  if (data.export !== null) lines.push(...exportLines(report, data.export, style));
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

type Log = NonNullable<HealthAuditData['log']>;

function logLines({ data, status }: Report<HealthAuditData>, log: Log, style: Style): string[] {
  const { head, broken, after, rows, firstAt } = log;
  const name = (data.database ?? '').split('/').at(-1) ?? '';
  const lines = [
    `${style.bold(printable(name))}   ${verdict(log)}   ${paintStatus(status === 'ok' ? 'ok' : status, style)}`,
  ];
  if (head === null) return lines;
  const from = after === 0 ? '' : `, behind the anchor at row ${formatCount(after)}`;
  lines.push(
    line(
      'proven',
      `${plural(rows, 'row')}${from}${broken === null ? '' : `, up to row ${formatCount(log.proven)}`}`,
      style,
    ),
  );
  lines.push(line('time', `${firstAt === null ? '' : formatTime(firstAt)} to ${formatTime(head.at)}`, style));
  lines.push(line('head', `row ${formatCount(head.seq)}  ${head.hash}`, style));
  for (const source of log.sources)
    lines.push(line(source.kind === 'file' ? 'anchors' : 'backups', sourceLine(source), style));
  return lines;
}

function verdict({ head, broken, contradictions, isThere }: Log): string {
  if (!isThere) return 'no audit log';
  if (broken !== null) return `chain broken at row ${formatCount(broken.seq)}`;
  if (contradictions.length > 0) return 'not the log that was anchored';
  return head === null ? 'audit log empty' : 'audit chain whole';
}

function sourceLine({ source, held, contradicted, setAside, others, last }: Log['sources'][number]): string {
  const parts = [`${formatCount(held)} hold`];
  if (contradicted > 0) parts.push(`${formatCount(contradicted)} contradict`);
  if (setAside > 0) parts.push(`${formatCount(setAside)} set aside`);
  if (others > 0) parts.push(`${formatCount(others)} of other logs`);
  const newest = last === null ? '' : `, last at row ${formatCount(last.seq)} on ${formatTime(last.at)}`;
  return `${parts.join(', ')}${newest}  (${printable(source)})`;
}

function exportLines(
  { data, status }: Report<HealthAuditData>,
  { path, manifest, problem }: NonNullable<HealthAuditData['export']>,
  style: Style,
): string[] {
  const { rows, firstSeq, lastSeq, file, firstAt, lastAt, retention, lastHash } = manifest;
  const lines =
    data.mode === 'export'
      ? [
          line(
            'export',
            `${printable(path)}, ${formatByteSize(file.bytes)}${data.dryRun ? ' (not written: dry run)' : ''}`,
            style,
          ),
        ]
      : [
          `${style.bold(printable(path))}   ${problem === null ? 'proves itself' : 'does not prove itself'}   ${paintStatus(status, style)}`,
        ];
  lines.push(line('rows', `${formatCount(rows)}, from ${formatCount(firstSeq)} to ${formatCount(lastSeq)}`, style));
  lines.push(line('time', `${formatTime(firstAt)} to ${formatTime(lastAt)}`, style));
  if (data.mode === 'verify-export') lines.push(line('last', lastHash, style));
  lines.push(line('sha256', file.sha256, style));
  if (retention !== null) {
    const until = retention.until === null ? 'for ever' : `until ${formatTime(retention.until)}`;
    lines.push(line('class', `${printable(retention.class)}, keep ${until}`, style));
  }
  return lines;
}

function line(name: string, value: string, style: Style): string {
  return `  ${style.dim(name.padEnd(9))}  ${value}`;
}
