import type { OperationContext } from '../../context.ts';
import type { Finding, Metric } from '../../report.ts';
import { metricsOf } from '../metrics/catalog.ts';
import type { Sample } from '../sample.ts';
import { Watch, type WatchSettings } from '../watch.ts';
import type { GuardSettings, Listen } from './guard.ts';
import type { JobRunner } from './job-runner.ts';
import { type Answer, type Routes, startServer } from './server.ts';
import type { ServiceNotify } from './service-notify.ts';

export interface ServeRequest {
  readonly watch: WatchSettings;
  readonly listen: Listen;
  readonly guard: GuardSettings;
}

export interface ServePorts {
  readonly jobs: JobRunner;
  readonly notify: ServiceNotify;
  /** Prometheus text of metrics. */
  readonly exposition: (metrics: readonly Metric[]) => string;
}

/** What the service did, for the report after it has ended. */
export interface ServeSummary {
  readonly port: number;
  readonly samples: number;
  readonly seconds: number;
  readonly commits: number;
}

/** A sample older than this is none: `/ready` and `/metrics` must not tell of a sampler that hangs. */
const staleMs = 5000;
const watchdogMs = 10_000;

/** Samples, answers and runs jobs until the signal is aborted. */
export async function serve(
  request: ServeRequest,
  ports: ServePorts,
  context: OperationContext,
): Promise<ServeSummary> {
  const { clock, log, signal } = context;
  let receivedAt = Number.NEGATIVE_INFINITY;
  let notifiedAt = Number.NEGATIVE_INFINITY;
  const events = new SampleEvents(context);
  const watch = new Watch(request.watch, context, (sample) => {
    const now = clock.now();
    if (receivedAt === Number.NEGATIVE_INFINITY) ports.notify.ready();
    receivedAt = now;
    if (now - notifiedAt > watchdogMs) {
      notifiedAt = now;
      ports.notify.alive();
    }
    events.compare(sample, watch.findings);
  });
  const fresh = (): boolean => clock.now() - receivedAt < staleMs;
  const routes = routesOf(watch, fresh, ports);
  const server = await startServer(request.listen, routes, request.guard, { log, now: () => clock.now() });
  const end = (): void => void watch.stop();
  signal.addEventListener('abort', end);
  try {
    log.info('service_started', {
      address: `http://${request.listen.host}:${server.port}`,
      jobs: JSON.stringify(ports.jobs.nextRuns),
    });
    await Promise.all([watch.run(), ports.jobs.run()]);
  } finally {
    signal.removeEventListener('abort', end);
    ports.notify.stopping();
    await watch.stop();
    await server.close();
    log.info('service_stopped');
  }
  const { commits, seconds } = watch.rates.total;
  return { port: server.port, samples: watch.samples, seconds, commits };
}

function routesOf(watch: Watch, fresh: () => boolean, ports: ServePorts): Routes {
  const plain = (status: number, body: string): Answer => ({ status, type: 'text/plain; charset=utf-8', body });
  return {
    '/live': () => plain(200, 'yes\n'),
    '/ready': () => (fresh() ? plain(200, 'yes\n') : plain(503, 'no\n')),
    '/metrics': (accept) => {
      const sample = watch.rates.latest;
      const up: Metric = { name: 'sampler_up', type: 'gauge', help: '1 while samples arrive.', value: fresh() ? 1 : 0 };
      const own = sample === undefined || !fresh() ? [] : metricsOf(sample, watch.database);
      const severities = ['warning', 'critical'] as const;
      const findings = severities.map((severity): Metric => {
        const value = watch.findings.filter((finding) => finding.severity === severity).length;
        return { name: 'findings', type: 'gauge', help: 'Limits that are crossed now.', value, labels: { severity } };
      });
      const text = ports.exposition([up, ...own, ...findings, ...ports.jobs.metrics()]);
      return accept.includes('application/openmetrics-text')
        ? openMetrics(text)
        : { ...plain(200, text), type: 'text/plain; version=0.0.4; charset=utf-8' };
    },
    '/api/sample': () => {
      const { latest, rates, objectRates } = watch.rates;
      if (latest === undefined || !fresh()) return plain(503, 'no sample\n');
      const body = JSON.stringify({
        database: watch.database,
        sample: latest,
        rates,
        objectRates,
        findings: watch.findings,
      });
      return { status: 200, type: 'application/json; charset=utf-8', body: `${body}\n` };
    },
  };
}

/** OpenMetrics names the family of a counter without `_total` and ends with a mark. */
export function openMetrics(prometheus: string): Answer {
  const body = prometheus.replace(/^# (HELP|TYPE) (\S+)_total /gm, '# $1 $2 ');
  return { status: 200, type: 'application/openmetrics-text; version=1.0.0; charset=utf-8', body: `${body}# EOF\n` };
}

/** Turns changes between samples into lines of the log, from a closed list of events. */
class SampleEvents {
  readonly #context: OperationContext;
  #generation: number | undefined;
  #known = new Set<string>();

  constructor(context: OperationContext) {
    this.#context = context;
  }

  compare(sample: Sample, findings: readonly Finding[]): void {
    const { log } = this.#context;
    if (this.#generation !== undefined && sample.generation !== this.#generation) {
      log.warn('generation_changed', { generation: sample.generation });
    }
    this.#generation = sample.generation;
    const now = new Set(findings.map(({ id, subject, severity }) => `${id} ${subject ?? ''} ${severity}`));
    for (const finding of findings) {
      const key = `${finding.id} ${finding.subject ?? ''} ${finding.severity}`;
      if (!this.#known.has(key))
        log.warn('limit_crossed', { id: finding.id, severity: finding.severity, message: finding.message });
    }
    for (const key of this.#known) if (!now.has(key)) log.info('limit_kept_again', { id: key.split(' ')[0] });
    this.#known = now;
  }
}
