import type { MethodData } from '../../../core/loadtest/durability/contract.ts';
import type { DurabilityData } from '../../../core/loadtest/durability/run-durability.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { type Column, table } from '../table.ts';

export function render(report: Report<DurabilityData>, style: Style): string {
  const { data } = report;
  const { control } = data;
  const rows = data.methods.map((method) => methodRow(method, style));
  if (control !== null) {
    const verdict = control.convicted ? style.green('instrument works') : style.red('NOT CONVICTED');
    const damaged = control.corrupt + control.unopenable;
    rows.push([
      'control',
      'OFF',
      plural(control.cuts, 'cut'),
      '',
      ...[control.lost, control.partial, damaged].map(formatCount),
      '',
      verdict,
    ]);
  }
  const right = (title: string): Column => ({ title, align: 'right' });
  const columns: Column[] = [
    { title: 'method' },
    { title: 'sync' },
    ...['crashes', 'acknowledged', 'lost', 'partial', 'damaged', 'not told'].map(right),
    { title: 'verdict' },
  ];
  const parts = [
    `${style.bold('durability')}  seed ${data.seed}  ${plural(data.writers, 'writer')}, ${data.groupSize} per commit, ${data.environment.fileSystem.type}`,
    '',
    table(columns, rows, style),
  ];
  if (data.methods.some((method) => method.synchronous === 'normal' && method.lost > 0 && method.verdict === 'ok')) {
    parts.push(style.dim('  NORMAL may lose the last commits before a loss of power: only such were lost'));
  }
  for (const path of data.methods.flatMap((method) => method.kept)) parts.push(`  kept: ${printable(path)}`);
  if (report.findings.length > 0) parts.push('', renderFindings(report.findings, style));
  return parts.join('\n');
}

function methodRow(method: MethodData, style: Style): string[] {
  return [
    method.method,
    method.synchronous.toUpperCase(),
    method.cycles > 0 ? plural(method.cycles, 'kill') : plural(method.cuts, 'cut'),
    formatCount(method.acknowledged),
    formatCount(method.lost),
    formatCount(method.partial + method.nonPrefix),
    formatCount(method.corrupt + method.unopenable),
    formatCount(method.committedUnacknowledged),
    method.verdict === 'ok' ? style.green('ok') : style.red('BROKEN'),
  ];
}
