import { basename, join } from 'node:path';
import { TradedbError } from '../../core/error.ts';
import { type HistorySettings, ringLengths } from '../../core/monitor/history/store.ts';
import type { ServiceJob } from '../../core/monitor/service/job-runner.ts';
import type { ServiceSettings } from '../../core/monitor/service/serve.ts';
import type { DatabaseSettings } from '../../core/monitor/service/served-database.ts';
import { isLoopback, type Listen, parseListen } from '../../core/monitor/web/guard.ts';
import { requireCronExpression } from '../../core/schedule/expression.ts';
import { activeJobs, jobWords } from '../../core/schedule/job.ts';
import type { CommandContext } from '../definition.ts';
import { alertPort } from './alert-port.ts';
import { archiveFacts } from './archive-facts.ts';
import { readToken } from './token-file.ts';
import { queryDirectory, watchSettings } from './watch-settings.ts';

interface ServeOptions {
  readonly listen: string | undefined;
  readonly tokenFile: string | undefined;
  readonly metricsTokenFile: string | undefined;
  readonly allowHost: readonly string[] | undefined;
  readonly dashboard: 'on' | 'off' | undefined;
  readonly schedules: 'on' | 'off';
  readonly rate: number | undefined;
}

/** Where the service listens. Throws `usage` for an address that is none. */
export function listenAddress(options: Pick<ServeOptions, 'listen'>, context: CommandContext): Listen {
  const text = options.listen ?? context.config.monitor.listen;
  const listen = parseListen(text);
  if (listen !== undefined) return listen;
  throw new TradedbError('usage', `--listen takes an address and a port, not ${JSON.stringify(text)}`, {
    hint: 'such as 127.0.0.1:9853 or [::1]:9853',
  });
}

export function historySettings(context: CommandContext): HistorySettings {
  const { path, maxBytes, raw, minutes, hours } = context.config.monitor.history;
  return {
    path: path === undefined ? join(context.stateDirectory(), 'monitor-history.db') : context.resolveConfigured(path),
    maxBytes,
    rings: ringLengths({ second: raw, minute: minutes, hour: hours }),
  };
}

/** Everything that SIGHUP may change, from the configuration and the options. Throws what is wrong with them. */
export async function serviceSettings(options: ServeOptions, context: CommandContext): Promise<ServiceSettings> {
  const { monitor } = context.config;
  const databases = await watchedDatabases(options, context);
  const { jitter, timeout, leaseWait, catchUp, timeZone } = monitor.jobs;
  requireTimeZone(timeZone);
  const listen = listenAddress(options, context);
  return {
    databases,
    server: {
      guard: { ...tokens(options, context, listen), hosts: hostNames(options, context, listen) },
      requestLimit: monitor.requestLimit,
      dashboard: options.dashboard === undefined ? monitor.dashboard : options.dashboard === 'on',
    },
    jobs: options.schedules === 'on' ? scheduledJobs(context, databases) : [],
    jobTimes: { jitterMs: jitter, timeoutMs: timeout, leaseWaitMs: leaseWait, catchUp },
    heartbeatMs: context.config.alerts.heartbeats.service?.every ?? Number.POSITIVE_INFINITY,
    alerts: alertPort(context, new Map(databases.map(({ name, watch }) => [name, watch.sampler.path]))),
  };
}

async function watchedDatabases(options: ServeOptions, context: CommandContext): Promise<DatabaseSettings[]> {
  const { monitor } = context.config;
  const intervalMs = 1000 / (options.rate ?? monitor.rate);
  const main = context.databasePath();
  const others = Object.entries(monitor.databases).map(([name, { path }]) => ({
    name,
    path: context.resolveConfigured(path),
  }));
  const all = [{ name: basename(main), path: main }, ...others];
  const twice = all.find(({ name }, index) => all.findIndex((entry) => entry.name === name) !== index);
  if (twice !== undefined) {
    throw new TradedbError(
      'config_invalid',
      `monitor.databases: ${JSON.stringify(twice.name)} is the name of another one`,
      {
        hint: 'the main database has the name of its file',
      },
    );
  }
  return Promise.all(
    all.map(async ({ name, path }) => ({
      name,
      queryDirectory: queryDirectory(context),
      archive: archiveFacts(context, path),
      watch: await watchSettings(context, intervalMs, monitor.attribution, path),
    })),
  );
}

function tokens(options: ServeOptions, context: CommandContext, listen: Listen) {
  const { monitor } = context.config;
  const path = (typed: string | undefined, configured: string | undefined): string | undefined => {
    if (typed !== undefined) return context.resolve(typed);
    return configured === undefined ? undefined : context.resolveConfigured(configured);
  };
  const tokenPath = path(options.tokenFile, monitor.tokenFile);
  const metricsPath = path(options.metricsTokenFile, monitor.metricsTokenFile);
  const token = tokenPath === undefined ? undefined : readToken(tokenPath);
  if (token === undefined && !isLoopback(listen.host)) {
    throw new TradedbError('usage', `listening on ${listen.host} needs a token: everybody who reaches it could read`, {
      hint: 'write one into a file and give --token-file, or listen on 127.0.0.1',
    });
  }
  if (token === undefined && metricsPath !== undefined) {
    throw new TradedbError('usage', 'a token for /metrics alone needs a token for the rest', {
      hint: 'give --token-file too; without it everything is open on the loopback address',
    });
  }
  return { token, metricsToken: metricsPath === undefined ? undefined : readToken(metricsPath) };
}

function hostNames(options: ServeOptions, context: CommandContext, listen: Listen): string[] {
  const further = [...context.config.monitor.allowHosts, ...(options.allowHost ?? [])];
  return ['localhost', '127.0.0.1', '::1', listen.host, ...further].map((name) => name.toLowerCase());
}

/** The switched-on jobs of each database as processes of this very program that print their report. */
function scheduledJobs(context: CommandContext, databases: readonly DatabaseSettings[]): ServiceJob[] {
  const { execPath, launcher } = context.host;
  const active = activeJobs(context.config.schedules);
  for (const { name, cron } of active) requireCronExpression(name, cron);
  const wordsFor = (path: string) => {
    const invocation = { execPath, launcher, configPath: context.configPath, databasePath: path };
    return (job: (typeof active)[number]): string[] => [
      ...jobWords(job, invocation),
      ...(context.configPath === undefined ? [] : ['--database', path]),
      ...['--format', 'json', '--progress', 'none'],
    ];
  };
  return databases.flatMap(({ name: database, watch }, index) => {
    const wanted = index === 0 ? undefined : (context.config.monitor.databases[database]?.jobs ?? []);
    if (wanted !== undefined) requireOwnBackups(context, database, wanted, databases);
    const words = wordsFor(watch.sampler.path);
    return active
      .filter(({ name }) => wanted === undefined || wanted.includes(name))
      .map((job) => ({ name: job.name, database, cron: job.cron, words: words(job) }));
  });
}

/** Backups are kept by the name of the file, or by backup.label: two databases of one name would mix theirs. */
function requireOwnBackups(
  context: CommandContext,
  database: string,
  jobs: readonly string[],
  databases: readonly DatabaseSettings[],
): void {
  if (!jobs.some((name) => ['backup', 'prune', 'verify', 'drill'].includes(name))) return;
  const files = databases.map(({ watch }) => basename(watch.sampler.path));
  const own = files[databases.findIndex(({ name }) => name === database)];
  if (context.config.backup.label === undefined && files.filter((name) => name === own).length === 1) return;
  throw new TradedbError(
    'config_invalid',
    `monitor.databases.${database}: its backups would be mixed with those of another database`,
    {
      hint: 'give it a configuration and a service of its own, or another file name and no backup.label',
    },
  );
}

function requireTimeZone(timeZone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch (error) {
    throw new TradedbError('config_invalid', `monitor.jobs.timeZone: ${JSON.stringify(timeZone)} is no time zone`, {
      hint: 'such as UTC or Europe/Zurich',
      cause: error,
    });
  }
}
