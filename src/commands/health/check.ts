import type { HealthData } from '../../core/health/health-data.ts';
import type { HealthResult } from '../../core/health/run-health.ts';
import type { Report } from '../../core/report.ts';
import { type CommandContext, defineCommand, type ExitCode } from '../definition.ts';
import type { HealthOptions } from './request-of.ts';
import { profileOption } from './rules-of.ts';

export const definition = defineCommand({
  path: ['health', 'check'],
  summary: 'check a database: file, pages, WAL, readers, space, backups, and with more time its rows',
  description:
    'The quick tier reads the files without opening the database in SQLite, so it leaves nothing beside it and takes no lock. The daily tier adds quick_check, foreign keys and business rules, the deep tier integrity_check; they run in place when somebody is connected, otherwise on a private copy. A dearer tier includes the cheaper ones. What the next run needs to notice a loss is kept in state.directory.',
  options: {
    tier: {
      type: 'choice',
      choices: ['quick', 'daily', 'deep', 'due'],
      default: 'quick',
      summary: 'how much to check; due: what the last runs left open',
    },
    full: { type: 'flag', summary: 'short for --tier deep' },
    only: { type: 'text', value: 'check', repeatable: true, summary: 'run these checks only; * matches any text' },
    skip: {
      type: 'text',
      value: 'check',
      repeatable: true,
      config: 'health.skip',
      summary: 'leave these checks out; * matches any text',
    },
    threshold: {
      type: 'text',
      value: 'check=warning:critical',
      repeatable: true,
      config: 'alerts.thresholds',
      summary: 'limits of one check, such as wal.backlog=64MiB:512MiB',
    },
    timeout: {
      type: 'duration',
      value: 'duration',
      config: 'health.timeout',
      summary: 'for all checks with SQL together; 30s for the quick tier',
    },
    scanBudget: {
      type: 'duration',
      value: 'duration',
      config: 'health.scanBudget',
      summary: 'for the page scan; a larger file is scanned in turns, 0s scans all of it',
    },
    deepOn: {
      type: 'choice',
      choices: ['copy', 'backup', 'live'],
      default: 'copy',
      summary:
        'where the deep checks with SQL run: on a copy, on the restored newest backup, or on the database itself',
    },
    profile: profileOption,
    sinceLast: { type: 'flag', summary: 'show only the checks whose status changed since the last run' },
    lastRunMax: {
      type: 'text',
      value: 'job=duration',
      repeatable: true,
      config: 'health.lastRunMax',
      summary:
        'critical when the last run of backup, verify, drill, prune, health, daily, deep, optimize, vacuum or archive is older, such as backup=26h',
    },
    notify: { type: 'flag', summary: 'evaluate the alert rules and send what is due to alerts.channels' },
    heal: {
      type: 'flag',
      summary: 'do what healing.allow names, within its guards; --dry-run says what that would be',
    },
    nagios: { type: 'flag', group: 'Nagios', summary: 'one line and exit codes of the plugin convention' },
    perfdata: {
      type: 'choice',
      choices: ['summary', 'all', 'none'],
      default: 'summary',
      group: 'Nagios',
      summary: 'how much performance data the line carries',
    },
  },
  examples: [
    { command: 'health -d trading.db', does: 'the quick tier, in well under a second' },
    { command: 'health -d trading.db --full', does: 'everything, with integrity_check' },
    { command: 'health -d trading.db --tier due --nagios', does: 'for a monitoring system' },
    { command: 'health --full --deep-on backup', does: 'prove the newest backup, at no cost for the live file' },
    { command: 'health --notify --quiet', does: 'for cron: whoever is named in alerts.channels hears of trouble once' },
    { command: 'health -d trading.db -f prometheus -o /var/lib/node_exporter/tradedb.prom', does: 'for a collector' },
  ],
  changes: true,
  quietWhenOk: true,
  exitCodes: {
    0: 'healthy (with --nagios: OK)',
    3: 'a warning, or a check that could not tell (with --nagios: UNKNOWN)',
    4: 'critical',
    10: 'database not found',
    11: 'the database stayed locked until the timeout',
    12: 'damaged, or no database',
    1: 'failed (with --nagios: WARNING)',
  },
  formats: ['junit', 'prometheus', 'markdown'],
  async run({ options }, context): Promise<Report<HealthData>> {
    return options.nagios ? runAsPlugin(options, context) : check(options, context);
  },
  exitCode: (report, { options }) => (options.nagios ? pluginCode(report) : exitCodeOf(report)),
});

interface CheckOptions extends HealthOptions {
  readonly notify: boolean;
  readonly sinceLast: boolean;
  readonly heal: boolean;
  readonly lastRunMax: readonly string[];
}

async function check(options: CheckOptions, context: CommandContext): Promise<Report<HealthData>> {
  if (!options.notify || context.dryRun) return reportOf(await examine(options, context), context);
  const { heartbeat, notify, notifyUnreachable, requireAlertSettings } = await import('./notify.ts');
  requireAlertSettings(context);
  await heartbeat('start', context);
  let result: HealthResult;
  try {
    result = await examine(options, context);
  } catch (error) {
    await notifyUnreachable(error, context);
    await heartbeat('fail', context);
    throw error;
  }
  const { alerts, findings } = await notify(result.data, context);
  // A run that could tell nobody is no success for whoever waits to hear from it.
  await heartbeat(alerts === undefined ? 'fail' : 'success', context);
  const data = alerts === undefined ? result.data : { ...result.data, alerts };
  return reportOf({ data, findings: [...result.findings, ...findings] }, context);
}

async function examine(options: CheckOptions, context: CommandContext): Promise<HealthResult> {
  const [{ runHealth }, { requestOf }, { lastRuns }] = await Promise.all([
    import('../../core/health/run-health.ts'),
    import('./request-of.ts'),
    import('./last-run.ts'),
  ]);
  const jobs = await lastRuns(options.lastRunMax, context);
  const { data, findings } = await runHealth(requestOf(options, context), context);
  const all = { ...data, checks: [...data.checks, ...jobs.rows] };
  const healed = options.heal ? await healAfter({ data: all, findings }, context) : undefined;
  const whole = healed === undefined ? all : { ...all, healing: healed.decisions };
  return {
    data: options.sinceLast ? { ...whole, sinceLast: true } : whole,
    findings: [...findings, ...jobs.findings, ...(healed?.findings ?? [])],
  };
}

async function healAfter(result: HealthResult, context: CommandContext) {
  const { healAfterChecks } = await import('./heal.ts');
  return healAfterChecks(result, context);
}

async function reportOf({ data, findings }: HealthResult, context: CommandContext): Promise<Report<HealthData>> {
  const { toChecks, toMetrics } = await import('../../core/health/health-data.ts');
  const statuses = new Set(data.checks.map(({ status }) => status));
  const isUncertain = statuses.has('unknown') || findings.some(({ id }) => uncertain.has(id));
  const status = statuses.has('critical') ? 'critical' : statuses.has('warning') || isUncertain ? 'warning' : 'ok';
  return context.report(data, { status, findings, checks: toChecks(data.checks), metrics: toMetrics(data) });
}

/** A plugin always answers in its own convention, also when the database cannot be looked at. */
async function runAsPlugin(
  options: CheckOptions & { readonly perfdata: 'summary' | 'all' | 'none' },
  context: CommandContext,
): Promise<Report<HealthData>> {
  const nagios = { perfdata: options.perfdata };
  try {
    const report = await check(options, context);
    return { ...report, data: { ...report.data, nagios } };
  } catch (error) {
    const { failedPluginReport } = await import('./plugin-failure.ts');
    return failedPluginReport(error, nagios, context);
  }
}

const uncertain: ReadonlySet<string> = new Set([
  'alerts.delivery',
  'alerts.state',
  'healing.failed',
  'healing.breaker',
]);

function exitCodeOf({ data, status }: Report<HealthData>): ExitCode {
  if (data.damaged && status === 'critical') return 12;
  if (status === 'critical') return 4;
  if (data.locked) return 11;
  return status === 'ok' ? 0 : 3;
}

/** 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; critical over warning over unknown. */
function pluginCode({ data, status }: Report<HealthData>): ExitCode {
  if (status === 'critical') return 2;
  if (data.checks.some((row) => row.status === 'warning')) return 1;
  return status === 'ok' ? 0 : 3;
}
