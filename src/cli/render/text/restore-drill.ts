import type { RestoreDrillData } from '../../../commands/restore/drill.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, plural, printable } from '../format.ts';
import { paintStatus, type Style } from '../style.ts';

export function render(report: Report<RestoreDrillData>, style: Style): string {
  const { data } = report;
  const { rpoMs, rtoMs } = data.objectives;
  const goal = (ms: number | null): string => (ms === null ? '' : ` (goal ${formatDuration(ms)})`);
  const { apply, check } = data.phasesMs;
  const lines = [
    `${style.bold(`drill ${data.point.id}`)}${commitsOf(data)}  of ${printable(data.point.database)}  ${paintStatus(report.status, style)}`,
    `  RTO     ${formatDuration(data.rtoMs)}${goal(rtoMs)}: restore ${formatDuration(apply)}, check ${formatDuration(check)}`,
    `  RPO     ${formatDuration(data.rpoMs)} now${goal(rpoMs)}, ${formatDuration(data.worstRpoMs)} at worst`,
    `  bytes   read ${formatByteSize(data.bytesRead)}, wrote ${formatByteSize(data.bytesWritten)}`,
  ];
  if (data.previous !== null) lines.push(`  before  RTO ${formatDuration(data.previous.rtoMs)} on ${data.previous.at}`);
  if (data.queries.length > 0) {
    const passed = data.queries.filter((query) => query.passed).length;
    lines.push(`  queries ${passed} of ${data.queries.length} as expected`);
  }
  if (data.file !== null) lines.push(`  file    ${printable(data.file)}`);
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

function commitsOf({ target, commits }: RestoreDrillData): string {
  if (target.tx === null || target.epoch === null) return '';
  return ` + ${plural(commits, 'commit')} = commit ${formatCount(target.tx)} @${target.epoch.slice(0, 4)}`;
}
