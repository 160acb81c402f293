import { deliver } from '../../core/alert/deliver.ts';
import { ping } from '../../core/alert/heartbeat.ts';
import { lookAtMetrics } from '../../core/alert/look.ts';
import { Outbox } from '../../core/alert/outbox.ts';
import type { AlertState } from '../../core/alert/state.ts';
import { undelivered } from '../../core/alert/undelivered.ts';
import { TradedbError } from '../../core/error.ts';
import { type HealthData, toMetrics } from '../../core/health/health-data.ts';
import type { Finding, Metric } from '../../core/report.ts';
import type { CommandContext } from '../definition.ts';
import { alertSettings } from '../monitor/alert-settings.ts';

type Series = Pick<Metric, 'name' | 'labels'>;

export interface NotifyResult {
  /** Undefined when the alert state could not be used; a finding says why. */
  readonly alerts: HealthData['alerts'];
  readonly findings: readonly Finding[];
}

/** Which check a series tells of; the others come with every run. */
const checkOf: Readonly<Record<string, string>> = { wal_backlog_bytes: 'wal.backlog', pages_damaged: 'structure.page' };

/** Throws `config_invalid` for alert settings that cannot be used, before the time for the checks is spent. */
export function requireAlertSettings(context: CommandContext): void {
  alertSettings(context);
}

/** Evaluates the alert rules on a health run, and sends what is due. */
export async function notify(data: HealthData, context: CommandContext): Promise<NotifyResult> {
  // A check that could not tell brings no value: zero would end an alert.
  const told = new Set(
    data.checks.filter(({ status }) => status !== 'skipped' && status !== 'unknown').map(({ id }) => id),
  );
  const asked = new Set(data.checks.map(({ id }) => id));
  const metrics = [...toMetrics(data), reachable(1)].filter((metric) => {
    const check = checkOf[metric.name] ?? metric.labels?.check;
    return check === undefined || told.has(check);
  });
  const names = new Set(metrics.map(({ name }) => name));
  return evaluate(metrics, context, (series) => {
    const check = checkOf[series.name] ?? series.labels?.check;
    // Checks of a dearer tier are not missing when a cheaper one ran.
    return check === undefined ? names.has(series.name) : asked.has(check);
  });
}

/** The same when the database could not be looked at: that is what people hear, whatever else is missing. */
export async function notifyUnreachable(error: unknown, context: CommandContext): Promise<void> {
  if (!(error instanceof TradedbError) || ['usage', 'cancelled', 'config_invalid', 'internal'].includes(error.code))
    return;
  await evaluate([reachable(0)], context, ({ name }) => name.startsWith('health_') || name.startsWith('database_'));
}

/** Pings the dead man's switch of health runs, when there is one. */
export async function heartbeat(event: 'start' | 'success' | 'fail', context: CommandContext): Promise<void> {
  const settings = context.config.alerts.heartbeats.health;
  if (settings === undefined) return;
  const { urlFile, timeout } = settings;
  const problem = await ping({ urlFile: context.resolveConfigured(urlFile), timeoutMs: timeout }, event, context);
  if (problem !== undefined) context.log.warn(`the heartbeat did not arrive: ${problem}`);
}

function reachable(value: 0 | 1): Metric {
  return { name: 'health_reachable', type: 'gauge', help: '1 when the database could be checked', value };
}

async function evaluate(
  metrics: readonly Metric[],
  context: CommandContext,
  expects: (series: Series) => boolean,
): Promise<NotifyResult> {
  try {
    return await evaluateAndSend(metrics, context, expects);
  } catch (error) {
    if (context.signal.aborted || (error instanceof TradedbError && error.code === 'config_invalid')) throw error;
    const finding = stateProblem(error);
    // Also where --quiet leaves out the report: nobody hears of alerts now.
    context.log.error(finding.message);
    return { alerts: undefined, findings: [finding] };
  }
}

/** What the checks found is worth more than the alerts: it must not be lost with them, whatever went wrong here. */
function stateProblem(error: unknown): Finding {
  const reason = error instanceof Error ? error.message : String(error);
  return {
    id: 'alerts.state',
    severity: 'warning',
    message: `alerts were not evaluated or sent: ${reason}`,
    hint:
      (error instanceof TradedbError ? error.hint : undefined) ??
      'check the folders "alerts" and "leases" of state.directory',
  };
}

async function evaluateAndSend(
  metrics: readonly Metric[],
  context: CommandContext,
  expects: (series: Series) => boolean,
): Promise<NotifyResult> {
  const settings = alertSettings(context);
  const { file } = await lookAtMetrics(settings, { metrics, expects }, context);
  const { failed } = await deliver(settings, context);
  for (const { channel, reason } of failed) context.log.warn(`the channel ${channel} took no notification: ${reason}`);
  const outbox = new Outbox(settings.stateDirectory, context);
  const count = (fits: (state: AlertState) => boolean): number => file.states.filter(fits).length;
  const dead = outbox.names('dead').length;
  return {
    alerts: {
      firing: count(({ notified }) => notified !== null),
      pending: count(({ phase }) => phase === 'pending'),
      queued: outbox.names('pending').length,
    },
    findings: dead === 0 ? [] : [undelivered(dead)],
  };
}
