import type { MetricDefinition } from '../../core/monitor/metrics/definitions.ts';
import { defineCommand } from '../definition.ts';

/** The data of the report of `monitor metrics`. */
export interface MetricsData {
  readonly as: 'list' | 'grafana' | 'rules';
  readonly metrics: readonly MetricDefinition[];
  /** The file that was asked for, as text; null for the list. */
  readonly document: string | null;
}

export const definition = defineCommand({
  path: ['monitor', 'metrics'],
  summary: 'list every series of /metrics, or print a Grafana dashboard or Prometheus alert rules made of them',
  description:
    'The dashboard and the rules are made from the same table as /metrics; the limits of the rules are those of alerts.thresholds.',
  options: {
    as: {
      type: 'choice',
      choices: ['list', 'grafana', 'rules'],
      default: 'list',
      summary: 'grafana: a dashboard to import; rules: a rule file for Prometheus',
    },
  },
  examples: [
    { command: 'monitor metrics', does: 'names, types and labels' },
    { command: 'monitor metrics --as grafana -o tradedb.json', does: 'a dashboard to import into Grafana' },
    { command: 'monitor metrics --as rules -o tradedb.rules.yml', does: 'alert rules for Prometheus' },
  ],
  exitCodes: { 0: 'printed' },
  async run({ options }, context) {
    const { metricDefinitions } = await import('../../core/monitor/metrics/definitions.ts');
    const metrics = metricDefinitions();
    return context.report<MetricsData>({ as: options.as, metrics, document: await documentOf(options.as) });

    async function documentOf(as: MetricsData['as']): Promise<string | null> {
      if (as === 'list') return null;
      if (as === 'grafana') {
        const { grafanaDashboard } = await import('../../core/monitor/metrics/grafana.ts');
        return `${JSON.stringify(grafanaDashboard(metrics), null, 2)}\n`;
      }
      const { prometheusRules } = await import('../../core/monitor/metrics/prometheus-rules.ts');
      // Validation fills both values of each pair; the schema's type cannot say so.
      return prometheusRules(context.config.alerts.thresholds as Parameters<typeof prometheusRules>[0]);
    }
  },
});
