import type { OperationContext } from '../../context.ts';
import type { Metric } from '../../report.ts';
import { type HistorySettings, HistoryStore } from '../history/store.ts';
import { serviceMetric } from '../metrics/service-series.ts';
import { loadAssets } from '../web/assets.ts';
import type { Listen } from '../web/guard.ts';
import { type BackupRow, chooseDatabase, makeRoutes } from '../web/routes.ts';
import { type ServerSettings, WebServer } from '../web/server.ts';
import { AlertLoop, type AlertPort } from './alert-loop.ts';
import type { JobOutcome, RunJob } from './job-process.ts';
import { JobRunner, type JobSettings, type ServiceJob } from './job-runner.ts';
import { type DatabaseSettings, ServedDatabase } from './served-database.ts';
import type { ServiceNotify } from './service-notify.ts';

/** Everything that a new configuration may change while the service runs. */
export interface ServiceSettings {
  readonly databases: readonly DatabaseSettings[];
  readonly server: ServerSettings;
  readonly jobs: readonly ServiceJob[];
  readonly jobTimes: JobSettings;
  readonly alerts: AlertPort;
  /** Time between two pings of the dead man's switch of the service. */
  readonly heartbeatMs: number;
}

export interface ServeRequest {
  readonly settings: ServiceSettings;
  readonly listen: Listen;
  /** Undefined: no history is kept. */
  readonly history: HistorySettings | undefined;
  readonly version: string;
}

export interface ServePorts {
  readonly notify: ServiceNotify;
  readonly runJob: RunJob;
  readonly nextRun: (cron: string, after: number) => number | undefined;
  /** Prometheus text of metrics. */
  readonly exposition: (metrics: readonly Metric[]) => string;
  readonly backups: (database: string) => Promise<readonly BackupRow[]>;
  /** Pings the dead man's switch of a job, or of the `service` itself; fails nothing. */
  readonly heartbeat: (name: string, event: 'start' | 'success' | 'fail') => void;
  /** Calls the listener when new settings are to be taken; returns how to stop that. */
  readonly onReload: (take: (settings: ServiceSettings) => Promise<void>) => () => void;
}

/** What the service did, for the report after it has ended. */
export interface ServeSummary {
  readonly port: number;
  readonly samples: number;
  readonly seconds: number;
  readonly commits: number;
}

const watchdogMs = 10_000;

/** Samples, answers, runs jobs and evaluates alerts until the signal is aborted. */
export async function serve(
  request: ServeRequest,
  ports: ServePorts,
  context: OperationContext,
): Promise<ServeSummary> {
  return new Service(request, ports, context).run();
}

class Service {
  readonly #request: ServeRequest;
  readonly #ports: ServePorts;
  readonly #context: OperationContext;
  readonly #history: HistoryStore | undefined;
  readonly #alerts: AlertLoop;
  readonly #jobs: JobRunner;
  readonly #server: WebServer;
  readonly #running = new Map<string, { database: ServedDatabase; done: Promise<void> }>();
  #fail = (_error: unknown): void => {};
  #notifiedAt = Number.NEGATIVE_INFINITY;
  #pingedAt = Number.NEGATIVE_INFINITY;
  #heartbeatMs: number;
  #isReady = false;
  #samples = 0;

  constructor(request: ServeRequest, ports: ServePorts, context: OperationContext) {
    this.#request = request;
    this.#ports = ports;
    this.#context = context;
    const { settings, history } = request;
    this.#heartbeatMs = settings.heartbeatMs;
    this.#history = history === undefined ? undefined : new HistoryStore(history, context);
    this.#alerts = new AlertLoop(settings.alerts, context);
    this.#jobs = this.#makeJobs();
    const databases = (): readonly ServedDatabase[] => [...this.#running.values()].map(({ database }) => database);
    const routes = makeRoutes({
      version: request.version,
      databases,
      history: this.#history,
      jobs: this.#jobs,
      assets: settings.server.dashboard ? loadAssets() : undefined,
      exposition: ports.exposition,
      alerts: () => this.#alerts.rows,
      ownMetrics: () => this.#ownMetrics(),
      backups: ports.backups,
      wallTime: () => context.clock.wallTime(),
    });
    const stream = (query: URLSearchParams) => chooseDatabase(databases(), query)?.stream;
    this.#server = new WebServer(settings.server, { routes, stream }, context);
  }

  async run(): Promise<ServeSummary> {
    const { log, signal } = this.#context;
    const { listen, settings } = this.#request;
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      if (signal.aborted) resolve();
    });
    const port = await this.#server.listen(listen);
    const stopReload = this.#ports.onReload((next) => this.#reload(next));
    try {
      for (const database of settings.databases) this.#startDatabase(database);
      log.info('service_started', {
        address: `http://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${port}`,
        databases: settings.databases.map(({ name }) => name).join(', '),
        jobs: JSON.stringify(this.#jobs.nextRuns),
      });
      await Promise.race([Promise.all([aborted, this.#jobs.run()]), failed]);
    } finally {
      stopReload();
      this.#ports.notify.stopping();
      await this.#stop();
      log.info('service_stopped');
    }
    return { port, samples: this.#samples, ...this.#total };
  }

  #total = { seconds: 0, commits: 0 };

  #startDatabase(settings: DatabaseSettings): void {
    const database = new ServedDatabase(
      settings,
      { history: this.#history, onSample: (served) => this.#sampled(served) },
      this.#context,
    );
    const done = database.watch.run().catch((error: unknown) => this.#fail(error));
    this.#running.set(settings.name, { database, done });
  }

  async #stopDatabase(name: string): Promise<void> {
    const entry = this.#running.get(name);
    if (entry === undefined) return;
    this.#running.delete(name);
    await entry.database.stop();
    await entry.done;
    await this.#alerts.forget(name);
    const { seconds, commits } = entry.database.watch.rates.total;
    this.#samples += entry.database.watch.samples;
    this.#total = { seconds: Math.max(this.#total.seconds, seconds), commits: this.#total.commits + commits };
  }

  async #stop(): Promise<void> {
    for (const name of [...this.#running.keys()]) await this.#stopDatabase(name);
    await this.#server.close();
    await this.#alerts.settled();
    this.#history?.close();
  }

  /** From the sampling itself, never from a timer: a service that hangs must not look alive. */
  #sampled(database: ServedDatabase): void {
    const { notify, heartbeat } = this.#ports;
    const now = this.#context.clock.now();
    if (!this.#isReady) notify.ready();
    this.#isReady = true;
    const isWatchdogDue = now - this.#notifiedAt > watchdogMs;
    const isPingDue = now - this.#pingedAt >= this.#heartbeatMs;
    if ((isWatchdogDue || isPingDue) && [...this.#running.values()].every((entry) => entry.database.isFresh)) {
      if (isWatchdogDue) {
        this.#notifiedAt = now;
        notify.alive();
      }
      if (isPingDue) {
        this.#pingedAt = now;
        heartbeat('service', 'success');
      }
    }
    this.#alerts.sampled(database.name, () => [...database.metrics(), ...this.#jobMetrics(database.name)]);
  }

  async #reload(next: ServiceSettings): Promise<void> {
    const wanted = new Map(next.databases.map((database) => [database.name, database]));
    for (const [name, { database }] of [...this.#running]) {
      const settings = wanted.get(name);
      const isSame = JSON.stringify(settings?.watch.sampler) === JSON.stringify(database.settings.watch.sampler);
      if (settings !== undefined && isSame) database.watch.change(settings.watch);
      else await this.#stopDatabase(name);
    }
    for (const database of next.databases) if (!this.#running.has(database.name)) this.#startDatabase(database);
    this.#server.change(next.server);
    this.#jobs.change(next.jobs, next.jobTimes);
    this.#alerts.change(next.alerts);
    this.#heartbeatMs = next.heartbeatMs;
    this.#context.log.info('service_reloaded', {
      databases: next.databases.map(({ name }) => name).join(', '),
      jobs: JSON.stringify(this.#jobs.nextRuns),
    });
  }

  #makeJobs(): JobRunner {
    const { settings } = this.#request;
    const history = this.#history;
    const wallTime = (): number => this.#context.clock.wallTime();
    const starts = history?.events(1000, ['job_started']) ?? [];
    return new JobRunner(
      settings.jobs,
      settings.jobTimes,
      {
        nextRun: this.#ports.nextRun,
        run: this.#ports.runJob,
        lastStarted: (job) =>
          starts.find(({ database, detail }) => database === job.database && detail.job === job.name)?.atMs,
        onStart: ({ name, database }) => {
          history?.addEvent({ atMs: wallTime(), database, kind: 'job_started', detail: { job: name } });
          this.#pingFor({ name, database }, 'start');
        },
        onResult: (job, run, outcome) => {
          const { name, database } = job;
          if (run.result !== 'skipped') {
            this.#pingFor(job, run.result === 'ok' || run.result === 'warning' ? 'success' : 'fail');
          }
          history?.addEvent({ atMs: wallTime(), database, kind: 'job_finished', detail: { job: name, ...run } });
          this.#takeResult(job, outcome);
        },
      },
      this.#context,
    );
  }

  /** A switch stands for one job of the main database: that of another one would keep it from going off. */
  #pingFor({ name, database }: Pick<ServiceJob, 'name' | 'database'>, event: 'start' | 'success' | 'fail'): void {
    if (database === this.#request.settings.databases[0]?.name) this.#ports.heartbeat(name, event);
  }

  /** The alert rules see each result at once, and what a health check has found. */
  #takeResult(job: ServiceJob, outcome: JobOutcome | undefined): void {
    const metrics = this.#jobMetrics(job.database);
    const names = new Set(metrics.map(({ name }) => name));
    this.#alerts.look(job.database, metrics, ({ name }) => names.has(name));
    if (job.name !== 'health' || outcome?.report === undefined) return;
    const { findings, metrics: health, data } = outcome.report;
    this.#running.get(job.database)?.database.takeHealth(findings, health);
    const { checks = [] } = (data ?? {}) as { checks?: readonly { id: string; status: string }[] };
    const told = new Set(
      checks.filter(({ status }) => status !== 'skipped' && status !== 'unknown').map(({ id }) => id),
    );
    const asked = new Set(checks.map(({ id }) => id));
    const status = health.filter(({ name, labels }) => name === 'health_status' && told.has(labels?.check ?? ''));
    this.#alerts.look(
      job.database,
      status,
      ({ name, labels }) => name === 'health_status' && asked.has(labels?.check ?? ''),
    );
  }

  #jobMetrics(database: string): Metric[] {
    return this.#jobs.metrics().filter(({ labels }) => labels?.database === database);
  }

  #ownMetrics(): Metric[] {
    const history = this.#history;
    const streams = [...this.#running.values()].reduce((sum, { database }) => sum + database.stream.clients, 0);
    return [
      ...this.#alerts.metrics(),
      serviceMetric('event_streams', streams),
      ...(history === undefined ? [] : [serviceMetric('history_bytes', history.sizeBytes)]),
    ];
  }
}
