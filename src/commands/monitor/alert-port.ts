import { deliver } from '../../core/alert/deliver.ts';
import { lookAtMetrics } from '../../core/alert/look.ts';
import type { AlertPort } from '../../core/monitor/service/alert-loop.ts';
import type { Metric } from '../../core/report.ts';
import type { CommandContext } from '../definition.ts';
import { alertFacts } from './alert-facts.ts';
import { alertSettings } from './alert-settings.ts';

/** Names under which health reports what a sample shows too: rules are written for those. */
const healthNames: Readonly<Record<string, string>> = {
  database_bytes: 'database_size_bytes',
  disk_free_bytes: 'database_free_space_bytes',
};

/** Evaluates the alert rules in the service. Throws `config_invalid` for settings that cannot be used. */
export function alertPort(context: CommandContext, paths: ReadonlyMap<string, string>): AlertPort {
  const settings = alertSettings(context);
  return {
    async look(database, metrics, expects) {
      const own = { ...settings, database: paths.get(database) ?? settings.database };
      const all = [...metrics, ...renamed(metrics)];
      const { file } = await lookAtMetrics(
        own,
        { metrics: all, expects: (series) => expects(original(series)) },
        context,
      );
      const { failed } = await deliver(own, context);
      for (const { channel, reason } of failed) context.log.warn('notification_failed', { channel, reason });
      return file.states.map((state) => ({ database, ...alertFacts(state) }));
    },
  };
}

function renamed(metrics: readonly Metric[]): Metric[] {
  return metrics.flatMap((metric) => {
    const name = healthNames[metric.name];
    if (name !== undefined) return [{ ...metric, name }];
    // A sampler that sees no file is what a health check calls unreachable.
    return metric.name === 'database_present' ? [{ ...metric, name: 'health_reachable' }] : [];
  });
}

function original<T extends Pick<Metric, 'name' | 'labels'>>(series: T): T {
  const found = Object.entries(healthNames).find(([, name]) => name === series.name)?.[0];
  if (found !== undefined) return { ...series, name: found };
  return series.name === 'health_reachable' ? { ...series, name: 'database_present' } : series;
}
