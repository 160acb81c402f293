import type { BaselineData } from '../../../commands/analyze/baseline.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatLatency, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

export function render(report: Report<BaselineData>, style: Style): string {
  const { data } = report;
  if (data.action === 'listed') return listText(data, style);
  if (data.action === 'deleted') return `removed ${style.bold(printable(data.path ?? ''))}`;
  const lines = [
    `saved ${style.bold(printable(data.path ?? ''))}`,
    `  ${plural(data.queries ?? 0, 'query', 'queries')}, ${plural(data.slices ?? 0, 'slice')} each, calibration ${formatLatency((data.calibrationMs ?? 0) * 1000)}`,
    style.dim(`  compare on another day: tradedb analyze compare --baseline ${printable(data.name ?? '')}`),
  ];
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

function listText(data: BaselineData, style: Style): string {
  if (data.baselines.length === 0) return 'no baseline; record one with: tradedb analyze baseline <name>';
  return table(
    [
      { title: 'baseline', flexible: true },
      { title: 'recorded' },
      { title: 'queries', align: 'right' },
      { title: 'database', flexible: true },
    ],
    data.baselines.map((one) => [
      printable(one.name),
      printable(one.recordedAt),
      String(one.queries),
      printable(one.database),
    ]),
    style,
  );
}
