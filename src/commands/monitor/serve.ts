import type { ServeSummary } from '../../core/monitor/service/serve.ts';
import { type CommandContext, defineCommand } from '../definition.ts';

/** The data of the report of `monitor serve`, after it has ended. */
export interface ServeData extends ServeSummary {
  /** The main one. */
  readonly database: string;
  readonly databases: readonly string[];
}

export const definition = defineCommand({
  path: ['monitor', 'serve'],
  summary: 'run as a service: sampling, history, dashboard for browsers, /metrics, alerts, and the schedules',
  description:
    'Shows a dashboard at /, and answers GET /metrics (Prometheus or OpenMetrics, by the Accept header), /api/*, /live and /ready; nothing can be changed over HTTP. The jobs of "schedules" run by the clock, each in a process of its own; the alert rules are evaluated on every sample and result. SIGHUP reads the configuration again and opens the log file again. The log goes to stderr, with -f ndjson as one JSON object per line.',
  options: {
    listen: { type: 'text', value: 'host:port', config: 'monitor.listen', summary: 'address; port 0 takes a free one' },
    tokenFile: {
      type: 'path',
      value: 'file',
      config: 'monitor.tokenFile',
      summary: 'file with the token that callers send as "Authorization: Bearer"; needed beyond the loopback address',
    },
    metricsTokenFile: {
      type: 'path',
      value: 'file',
      config: 'monitor.metricsTokenFile',
      summary: 'file with a token that opens /metrics alone',
    },
    allowHost: {
      type: 'text',
      value: 'name',
      repeatable: true,
      config: 'monitor.allowHosts',
      summary: 'further name that the Host header may carry',
    },
    dashboard: {
      type: 'choice',
      choices: ['on', 'off'],
      config: 'monitor.dashboard',
      summary: 'off: no page for browsers',
    },
    schedules: {
      type: 'choice',
      choices: ['on', 'off'],
      default: 'on',
      summary: 'off: sampling and metrics only, for when cron or systemd runs the jobs',
    },
    history: {
      type: 'choice',
      choices: ['on', 'off'],
      default: 'on',
      summary: 'off: nothing is written to disk',
    },
    logFile: {
      type: 'path',
      value: 'file',
      config: 'monitor.log.file',
      summary: 'log into a file, which SIGHUP opens again',
    },
    rate: {
      type: 'integer',
      value: 'hz',
      minimum: 1,
      maximum: 50,
      config: 'monitor.rate',
      summary: 'samples per second',
    },
  },
  formats: ['ndjson'],
  examples: [
    { command: 'monitor serve', does: 'on http://127.0.0.1:9853, with all schedules' },
    { command: 'monitor serve --schedules off --listen 127.0.0.1:0', does: 'watching only, on a free port' },
    {
      command: 'monitor serve --listen 10.0.0.5:9853 --token-file token.txt --allow-host db1.internal',
      does: 'for browsers and a collector on other machines',
    },
  ],
  exitCodes: {
    0: 'never by itself: it runs until a signal ends it',
    1: 'the sampler cannot run',
    10: 'the database or the token file does not exist',
    11: 'another service watches the database already',
    12: 'not a database',
  },
  async run({ options }, context) {
    const [{ runProcess }, { ServiceNotify }, { serve }, { nextRun }, settings, { listBackups }, { heartbeats }] =
      await Promise.all([
        import('../../core/monitor/service/job-process.ts'),
        import('../../core/monitor/service/service-notify.ts'),
        import('../../core/monitor/service/serve.ts'),
        import('../../core/schedule/next-run.ts'),
        import('./service-settings.ts'),
        import('./newest-backup.ts'),
        import('./heartbeat.ts'),
      ]);
    const { databaseLeaseFolder } = await import('../../core/lease.ts');
    const { ServiceLeases } = await import('./service-lease.ts');
    const listen = settings.listenAddress(options, context);
    const { level, file } = context.config.monitor.log;
    const configured = file === undefined ? undefined : context.resolveConfigured(file);
    const logFile = options.logFile === undefined ? configured : context.resolve(options.logFile);
    const serviceLog = context.serviceLog({ level, file: logFile });
    const logged = { ...context, log: serviceLog.log };
    const first = await settings.serviceSettings(options, logged);
    const { timeZone } = context.config.monitor.jobs;
    const paths = new Map(first.databases.map(({ name, watch }) => [name, watch.sampler.path]));
    const leases = new ServiceLeases(
      {
        directory: databaseLeaseFolder(logged.stateDirectory()),
        owner: { pid: context.host.pid, hostname: context.host.hostname },
      },
      logged,
    );
    leases.take([...paths.values()]);
    let current: CommandContext = logged;
    const archive = await startArchive(logged);
    const summary = await serve(
      {
        settings: first,
        listen,
        history: options.history === 'on' ? settings.historySettings(logged) : undefined,
        version: context.host.version,
      },
      {
        notify: new ServiceNotify(context.host.environment('NOTIFY_SOCKET'), logged.log),
        runJob: runProcess(context.clock),
        nextRun: (cron, after) => nextRun(cron, after, timeZone),
        exposition: context.metricsText,
        heartbeat: heartbeats(() => current),
        backups: (name) => listBackups(logged, paths.get(name)),
        onReload: (take) =>
          context.onHangup(() => {
            const reload = async (): Promise<void> => {
              serviceLog.reopen();
              const next = { ...(await context.reloaded()), log: serviceLog.log };
              const taken = await settings.serviceSettings(options, next);
              const watched = taken.databases.map(({ watch }) => watch.sampler.path);
              leases.take(watched);
              await take(taken);
              current = next;
              leases.keepOnly(watched);
            };
            reload().catch((error: unknown) => {
              // The service goes on with what it has.
              logged.log.error('reload_failed', { error: error instanceof Error ? error.message : String(error) });
            });
          }),
      },
      logged,
    ).finally(async () => {
      await archive?.stop();
      leases.keepOnly([]);
    });
    return context.report<ServeData>({ database: context.databasePath(), databases: [...paths.values()], ...summary });
  },
});

/** The archiver of the configured database, when the configuration wants one beside the service. */
async function startArchive(context: CommandContext): Promise<{ stop(): Promise<void> } | undefined> {
  if (!context.config.backup.archive.startWithMonitor) return undefined;
  const { superviseArchive } = await import('./archive-child.ts');
  const { execPath, launcher } = context.host;
  const config = context.configPath === undefined ? [] : ['--config', context.configPath];
  const words = [launcher, 'backup', 'archive', '--database', context.databasePath(), ...config, '--progress', 'none'];
  return superviseArchive({ program: execPath, words }, context);
}
