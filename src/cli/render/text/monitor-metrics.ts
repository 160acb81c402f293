import type { MetricsData } from '../../../commands/monitor/metrics.ts';
import type { Report } from '../../../core/report.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

/** The list as a table; a document exactly as it is, for a file. */
export function render({ data }: Report<MetricsData>, style: Style): string {
  if (data.document !== null) return data.document.trimEnd();
  const rows = data.metrics.map(({ name, type, labels, help }) => [name, type, labels.join(', '), help]);
  return table(
    [{ title: 'series' }, { title: 'type' }, { title: 'labels' }, { title: 'meaning', flexible: true }],
    rows,
    style,
  );
}
