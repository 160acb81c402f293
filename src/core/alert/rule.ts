import type { Metric, Severity } from '../report.ts';

/** Severities that an alert can have. */
export type AlertSeverity = Extract<Severity, 'warning' | 'critical'>;

/** A pair of limits; either may be missing. */
export interface AlertLimits {
  readonly warning?: number;
  readonly critical?: number;
}

/** What is watched, from which value on, for how long. */
export interface AlertRule {
  readonly id: string;
  /** Name of the metric, without the `tradedb_` prefix. */
  readonly metric: string;
  /** Labels that a sample must have; its other labels make a series of their own. */
  readonly select: Readonly<Record<string, string>>;
  /** Values of labels that other rules look after. */
  readonly except: Readonly<Record<string, readonly string[]>>;
  /** `above`: bad from the limit upward. `below`: bad from the limit downward (free space). */
  readonly direction: 'above' | 'below';
  readonly limits: AlertLimits;
  /** Limits that end the alert once no value crosses them any more; those of `limits` where one is missing. */
  readonly clear: AlertLimits;
  /** How long a limit must be crossed before anybody is told. */
  readonly forMs: number;
  /** How long the value must be good before the alert ends. */
  readonly keepMs: number;
  /** What missing samples mean: keep the notice, raise an alert, or end it. */
  readonly nodata: 'keep' | 'alert' | 'ok';
  /** Alerts of one group go out in one notification. */
  readonly group: string;
  /** Added to the notification. */
  readonly labels: Readonly<Record<string, string>>;
  /** Where to read what to do. */
  readonly runbook?: string;
}

/** How bad a value is against a pair of limits. */
export function severityOf(
  value: number,
  limits: AlertLimits,
  direction: AlertRule['direction'],
): AlertSeverity | undefined {
  const crossed = (limit: number | undefined): boolean =>
    limit !== undefined && (direction === 'above' ? value >= limit : value <= limit);
  if (crossed(limits.critical)) return 'critical';
  return crossed(limits.warning) ? 'warning' : undefined;
}

export function selects(rule: AlertRule, metric: Pick<Metric, 'name' | 'labels'>): boolean {
  const labels = metric.labels ?? {};
  return (
    metric.name === rule.metric &&
    Object.entries(rule.select).every(([name, value]) => labels[name] === value) &&
    !Object.entries(rule.except).some(([name, values]) => values.includes(labels[name] ?? ''))
  );
}
