import type { AlertRule, AlertSeverity } from './rule.ts';
import type { AlertTransition } from './state.ts';

/** What receivers get: the changes of one group of one database. The id is the idempotency key of every attempt. */
export interface Notification {
  readonly id: string;
  readonly database: string;
  readonly group: string;
  readonly createdMs: number;
  /** `resolved` when every change in it is good news. */
  readonly status: 'firing' | 'resolved';
  readonly severity: AlertSeverity;
  readonly alerts: readonly NotifiedAlert[];
}

export interface NotifiedAlert extends Omit<AlertTransition, 'key'> {
  readonly runbook?: string;
}

export const isGoodNews = (kind: AlertTransition['kind']): boolean => kind === 'resolved' || kind === 'withdrawn';

export function makeNotification(
  transitions: readonly AlertTransition[],
  facts: Pick<Notification, 'id' | 'database' | 'group' | 'createdMs'>,
  rules: readonly AlertRule[],
): Notification {
  const alerts = transitions.map(({ key: _, ...transition }): NotifiedAlert => {
    const rule = rules.find(({ id }) => id === transition.rule);
    const labels = { ...rule?.labels, ...transition.labels };
    return { ...transition, labels, ...(rule?.runbook === undefined ? {} : { runbook: rule.runbook }) };
  });
  const status = alerts.every(({ kind }) => isGoodNews(kind)) ? 'resolved' : 'firing';
  const severity = alerts.some((alert) => alert.severity === 'critical') ? 'critical' : 'warning';
  return { ...facts, status, severity, alerts };
}

/** The body of webhooks, commands and files. */
export function toJson(notification: Notification): string {
  const { createdMs, alerts, ...rest } = notification;
  return JSON.stringify({
    schemaVersion: 1,
    ...rest,
    createdAt: new Date(createdMs).toISOString(),
    alerts: alerts.map(({ atMs, ...alert }) => ({ ...alert, at: new Date(atMs).toISOString() })),
  });
}

/** One line: `CRITICAL trading.db: wal-size (and 2 more)`. */
export function titleOf(notification: Notification): string {
  const [first] = notification.alerts.filter(({ kind }) => isGoodNews(kind) === (notification.status === 'resolved'));
  const more = notification.alerts.length - 1;
  const word = notification.status === 'resolved' ? 'RESOLVED' : notification.severity.toUpperCase();
  const name = notification.database.slice(notification.database.lastIndexOf('/') + 1);
  return `${word} ${name}: ${first === undefined ? notification.group : nameOf(first)}${more > 0 ? ` (and ${more} more)` : ''}`;
}

/** One line per alert. */
export function linesOf(notification: Notification): string[] {
  return notification.alerts.map((alert) => {
    const value = alert.value === null ? '' : `, value ${alert.value}`;
    const runbook = alert.runbook === undefined || isGoodNews(alert.kind) ? '' : `; see ${alert.runbook}`;
    return `${nameOf(alert)}: ${words[alert.kind]} (${alert.severity}${value})${runbook}`;
  });
}

const words: Readonly<Record<AlertTransition['kind'], string>> = {
  fired: 'is bad',
  escalated: 'became critical',
  still: 'is still bad',
  flapping: 'goes to and fro',
  nodata: 'has no data',
  resolved: 'is well again',
  withdrawn: 'is no longer watched',
};

function nameOf(alert: NotifiedAlert): string {
  const labels = Object.entries(alert.labels).map(([name, value]) => `${name}=${value}`);
  return labels.length === 0 ? alert.rule : `${alert.rule} {${labels.join(', ')}}`;
}
