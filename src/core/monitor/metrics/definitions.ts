import type { Metric } from '../../report.ts';
import { engineSeries, querySeries } from '../queries/query-statistics.ts';
import { archiveSeries } from './archive-series.ts';
import { catalog, objectSeries } from './catalog.ts';
import { serviceSeries } from './service-series.ts';

export interface MetricDefinition {
  /** With the prefix. */
  readonly name: string;
  readonly type: Metric['type'];
  readonly help: string;
  readonly labels: readonly string[];
  readonly group: 'database' | 'objects' | 'queries' | 'engines' | 'archive' | 'service';
}

/** Every series of `/metrics`: the list in the documentation, the Grafana dashboard and the tests read it. */
export function metricDefinitions(): MetricDefinition[] {
  const define = (
    list: readonly { readonly name: string; readonly type: Metric['type']; readonly help: string }[],
    labels: readonly string[],
    group: MetricDefinition['group'],
  ): MetricDefinition[] => list.map(({ name, type, help }) => ({ name: `tradedb_${name}`, type, help, labels, group }));
  const service = Object.entries(serviceSeries).map(
    ([name, { type, help, labels }]): MetricDefinition => ({
      name: `tradedb_${name}`,
      type,
      help,
      labels,
      group: 'service',
    }),
  );
  return [
    ...define(catalog, ['database'], 'database'),
    ...define(objectSeries, ['database', 'object', 'kind'], 'objects'),
    ...define(querySeries, ['database', 'name', 'kind'], 'queries'),
    ...define(engineSeries, ['database', 'pid'], 'engines'),
    ...define(archiveSeries, ['database'], 'archive'),
    ...service,
  ];
}
