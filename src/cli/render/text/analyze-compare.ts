import type { ComparisonData } from '../../../core/analysis/baseline/compare-data.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { printable } from '../format.ts';
import { paintStatus, type Style } from '../style.ts';
import { table } from '../table.ts';

const painted = { regression: 'critical', improvement: 'ok', 'no-change': 'info', unresolved: 'warning' } as const;

export function render(report: Report<ComparisonData>, style: Style): string {
  const { data } = report;
  const after = data.withSql === null ? data.b : `${data.b} with ${data.withSql}`;
  const lines = [
    style.bold(`${printable(data.a)} -> ${printable(after)}`) + style.dim(`  ${data.pairs} pairs`),
    '',
    table(
      [
        { title: 'query', flexible: true },
        { title: 'metric' },
        { title: 'change', align: 'right' },
        { title: '95% interval', align: 'right' },
        { title: 'p', align: 'right' },
        { title: 'resolves', align: 'right' },
        { title: 'verdict' },
      ],
      data.tests.map((test) => [
        printable(test.query),
        test.metric,
        percent(test.medianRatio - 1),
        `${percent(test.interval.low)} .. ${percent(test.interval.high)}`,
        test.pCorrected.toFixed(4),
        test.resolution === null ? '-' : percent(test.resolution).replace('+', ''),
        paintStatus(painted[test.verdict], style).replace(painted[test.verdict], test.verdict),
      ]),
      style,
    ),
  ];
  for (const change of data.planChanges) {
    lines.push('', `  ${style.bold(printable(change.query))}: another plan`);
    lines.push(
      ...change.before.map((line) => `    - ${printable(line)}`),
      ...change.after.map((line) => `    + ${printable(line)}`),
    );
  }
  if (data.stored !== null) {
    const { calibration, recordedAt, schemaChanged } = data.stored;
    lines.push(
      '',
      `  recorded ${recordedAt}${schemaChanged ? ', another schema' : ''}; calibration ${calibration.thenMs.toFixed(2)} ms then, ${calibration.nowMs.toFixed(2)} ms now (${percent(calibration.shift)})`,
    );
  }
  if (data.control !== null) lines.push('', `  A against itself: ${data.control}`);
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  lines.push('', `  verdict: ${style.bold(data.verdict)}`);
  return lines.join('\n');
}

function percent(share: number): string {
  return `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} %`;
}
