import { TradedbError } from '../../core/error.ts';
import type { ServeSummary } from '../../core/monitor/service/serve.ts';
import { type CommandContext, defineCommand } from '../definition.ts';

/** The data of the report of `monitor serve`, after it has ended. */
export interface ServeData extends ServeSummary {
  readonly database: string;
}

export const definition = defineCommand({
  path: ['monitor', 'serve'],
  summary: 'run as a service: sampling, /metrics for Prometheus, and the schedules of the configuration',
  description:
    'Answers GET /metrics (Prometheus or OpenMetrics, by the Accept header), /api/sample, /live and /ready; nothing can be changed over HTTP. The jobs of "schedules" run by the clock (UTC), each in a process of its own. The log goes to stderr, with -f ndjson as one JSON object per line.',
  options: {
    listen: { type: 'text', value: 'host:port', config: 'monitor.listen', summary: 'address; port 0 takes a free one' },
    tokenFile: {
      type: 'path',
      value: 'file',
      config: 'monitor.tokenFile',
      summary: 'file with the token that callers send as "Authorization: Bearer"; needed beyond the loopback address',
    },
    allowHost: {
      type: 'text',
      value: 'name',
      repeatable: true,
      config: 'monitor.allowHosts',
      summary: 'further name that the Host header may carry',
    },
    schedules: {
      type: 'choice',
      choices: ['on', 'off'],
      default: 'on',
      summary: 'off: sampling and metrics only, for when cron or systemd runs the jobs',
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
    { command: 'monitor serve', does: 'on 127.0.0.1:9853, with all schedules' },
    { command: 'monitor serve --schedules off --listen 127.0.0.1:0', does: 'metrics only, on a free port' },
    {
      command: 'monitor serve --listen 10.0.0.5:9853 --token-file token.txt --allow-host db1.internal',
      does: 'for a collector on another machine',
    },
  ],
  exitCodes: {
    0: 'never by itself: it runs until a signal ends it',
    1: 'the sampler cannot run',
    10: 'the database or the token file does not exist',
    12: 'not a database',
  },
  async run({ options }, context) {
    const { isLoopback, parseListen } = await import('../../core/monitor/service/guard.ts');
    const { JobRunner, runProcess } = await import('../../core/monitor/service/job-runner.ts');
    const { ServiceNotify } = await import('../../core/monitor/service/service-notify.ts');
    const { serve } = await import('../../core/monitor/service/serve.ts');
    const { nextRun } = await import('../../core/schedule/next-run.ts');
    const { watchSettings } = await import('./watch-settings.ts');
    const { monitor } = context.config;
    const listenText = options.listen ?? monitor.listen;
    const listen = parseListen(listenText);
    if (listen === undefined) {
      throw new TradedbError('usage', `--listen takes an address and a port, not ${JSON.stringify(listenText)}`, {
        hint: 'such as 127.0.0.1:9853 or [::1]:9853',
      });
    }
    const tokenPath = options.tokenFile === undefined ? configuredToken(context) : context.resolve(options.tokenFile);
    const token = tokenPath === undefined ? undefined : await readToken(tokenPath);
    if (token === undefined && !isLoopback(listen.host)) {
      throw new TradedbError(
        'usage',
        `listening on ${listen.host} needs a token: everybody who reaches it could read`,
        {
          hint: 'write one into a file and give --token-file, or listen on 127.0.0.1',
        },
      );
    }
    const watch = await watchSettings(context, 1000 / (options.rate ?? monitor.rate), monitor.attribution);
    const jobs = options.schedules === 'on' ? await scheduledJobs(context, watch.sampler.path) : [];
    const { jitter, timeout } = monitor.jobs;
    const runner = new JobRunner(
      jobs,
      { jitterMs: jitter, timeoutMs: timeout },
      { nextRun, run: runProcess(context.clock) },
      context,
    );
    const summary = await serve(
      {
        watch,
        listen,
        guard: {
          token,
          hosts: ['localhost', '127.0.0.1', '::1', listen.host, ...monitor.allowHosts, ...(options.allowHost ?? [])],
        },
      },
      {
        jobs: runner,
        notify: new ServiceNotify(context.host.environment('NOTIFY_SOCKET'), context.log),
        exposition: context.metricsText,
      },
      context,
    );
    return context.report<ServeData>({ database: watch.sampler.path, ...summary });
  },
});

function configuredToken(context: CommandContext): string | undefined {
  const { tokenFile } = context.config.monitor;
  return tokenFile === undefined ? undefined : context.resolveConfigured(tokenFile);
}

async function readToken(path: string): Promise<string> {
  const { readFileSync } = await import('node:fs');
  const { fromFileSystem } = await import('../../core/error.ts');
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  if (text.length >= 16 && !/\s/.test(text)) return text;
  throw new TradedbError('usage', `${JSON.stringify(path)} holds no token of at least 16 characters`, {
    hint: 'make one with: openssl rand -hex 32',
  });
}

/** The switched-on jobs as processes of this very program. */
async function scheduledJobs(context: CommandContext, databasePath: string) {
  const { activeJobs, jobWords } = await import('../../core/schedule/job.ts');
  const { requireCronExpression } = await import('../../core/schedule/expression.ts');
  const { execPath, launcher } = context.host;
  const invocation = { execPath, launcher, configPath: context.configPath, databasePath };
  return activeJobs(context.config.schedules).map((job) => {
    requireCronExpression(job.name, job.cron);
    return { name: job.name, cron: job.cron, words: [...jobWords(job, invocation), '--progress', 'none'] };
  });
}
