import type { OperationContext } from '../../context.ts';
import type { Finding, Metric } from '../../report.ts';
import { HistoryFeed } from '../history/feed.ts';
import type { HistoryStore } from '../history/store.ts';
import { type ArchiveFacts, archiveFindings, archiveMetrics } from '../metrics/archive-series.ts';
import { metricsOf } from '../metrics/catalog.ts';
import { serviceMetric } from '../metrics/service-series.ts';
import { QueryStatistics, queryMetrics } from '../queries/query-statistics.ts';
import type { Rates, SecondPoint } from '../rates.ts';
import type { Sample } from '../sample.ts';
import { type StartSession, Watch, type WatchSettings } from '../watch.ts';
import { EventStream } from '../web/event-stream.ts';

export interface DatabaseSettings {
  /** Stands in the labels of the metrics. */
  readonly name: string;
  readonly watch: WatchSettings;
  /** Folder in which engines with the library write their statistics. */
  readonly queryDirectory: string;
  /** What its archiver says; undefined when none ever ran. */
  readonly archive: () => ArchiveFacts | undefined;
}

/** What the dashboard shows of one database. */
export interface DatabaseView {
  readonly database: string;
  /** Number of the sample; ids of the event stream. */
  readonly number: number;
  readonly sample: Sample;
  readonly rates: Rates;
  readonly point: SecondPoint | null;
  readonly objectRates: Readonly<Record<string, number>>;
  readonly lastCheckpointAt: string | null;
  readonly findings: readonly Finding[];
  readonly archive: ArchiveFacts | null;
}

export interface DatabasePorts {
  /** Undefined: nothing is kept. */
  readonly history: HistoryStore | undefined;
  readonly onSample: (database: ServedDatabase, sample: Sample) => void;
  readonly startSession?: StartSession;
}

/** A sample older than this is none: `/ready` and `/metrics` must not tell of a sampler that hangs. */
const staleMs = 5000;
const viewEveryMs = 1000;

/** One database of the service: its sampler, its history, its stream of events. */
export class ServedDatabase {
  readonly settings: DatabaseSettings;
  readonly stream: EventStream;
  readonly watch: Watch;
  readonly queries: QueryStatistics;
  readonly #feed: HistoryFeed | undefined;
  readonly #context: OperationContext;
  readonly #log: FindingLog;
  #receivedAt = Number.NEGATIVE_INFINITY;
  #viewedAt = Number.NEGATIVE_INFINITY;
  /** Findings of the last run of the health job. */
  #healthFindings: readonly Finding[] = [];
  #healthMetrics: readonly Metric[] = [];

  constructor(settings: DatabaseSettings, ports: DatabasePorts, context: OperationContext) {
    this.settings = settings;
    this.#context = context;
    this.stream = new EventStream(context.clock);
    this.queries = new QueryStatistics(settings.queryDirectory, settings.watch.sampler.path, context.clock);
    this.#feed = ports.history === undefined ? undefined : new HistoryFeed(settings.name, ports.history);
    this.#log = new FindingLog(settings.name, ports.history, context);
    this.watch = new Watch(
      settings.watch,
      context,
      (sample) => {
        this.#receive(sample);
        ports.onSample(this, sample);
      },
      ports.startSession,
    );
  }

  get name(): string {
    return this.settings.name;
  }

  get isFresh(): boolean {
    return this.#context.clock.now() - this.#receivedAt < staleMs;
  }

  get findings(): readonly Finding[] {
    const live = [...this.watch.findings, ...archiveFindings(this.settings.archive())];
    // What the sample tells is newer than what the last health run found.
    const covered = new Set(live.map(({ id }) => id));
    return [...live, ...this.#healthFindings.filter(({ id }) => !covered.has(id))];
  }

  /** Series of the newest sample and of the last health run; none while the sampler hangs. */
  metrics(): Metric[] {
    const labels = { database: this.name };
    const sample = this.watch.rates.latest;
    const severities = ['warning', 'critical'] as const;
    const all = this.findings;
    const findings = severities.map((severity) => {
      const value = all.filter((finding) => finding.severity === severity).length;
      return serviceMetric('findings', value, { ...labels, severity });
    });
    return [
      serviceMetric('sampler_up', this.isFresh ? 1 : 0, labels),
      ...(sample === undefined || !this.isFresh ? [] : metricsOf(sample, this.name)),
      ...findings,
      ...this.#healthMetrics,
      ...archiveMetrics(this.settings.archive(), this.name),
      ...queryMetrics(this.queries.facts, this.name),
    ];
  }

  view(): DatabaseView | undefined {
    const { rates, objectRates, latest, points, lastCheckpointAt } = this.watch.rates;
    if (latest === undefined || !this.isFresh) return undefined;
    return {
      database: this.name,
      number: this.watch.samples,
      sample: latest,
      rates,
      point: points.at(-1) ?? null,
      objectRates,
      lastCheckpointAt: lastCheckpointAt ?? null,
      findings: this.findings,
      archive: this.settings.archive() ?? null,
    };
  }

  /** What a run of the health job found. */
  takeHealth(findings: readonly Finding[], metrics: readonly Metric[]): void {
    this.#healthFindings = findings;
    this.#healthMetrics = metrics
      .filter(({ name }) => name === 'health_status')
      .map(({ value, labels }) =>
        serviceMetric('health_status', value, { database: this.name, check: labels?.check ?? '' }),
      );
  }

  flushHistory(): void {
    this.#feed?.flush();
  }

  async stop(): Promise<void> {
    await this.watch.stop();
    this.#feed?.finish();
    this.stream.close();
  }

  #receive(sample: Sample): void {
    const now = this.#context.clock.now();
    this.#receivedAt = now;
    this.#feed?.add(sample);
    this.#log.compare(sample, this.findings);
    if (now - this.#viewedAt < viewEveryMs - this.settings.watch.sampler.intervalMs / 2) return;
    this.#viewedAt = now;
    const view = this.view();
    if (view !== undefined) this.stream.push(view.number, view);
  }
}

/** Turns changes between samples into lines of the log and events of the history, from a closed list. */
class FindingLog {
  readonly #database: string;
  readonly #history: HistoryStore | undefined;
  readonly #context: OperationContext;
  #generation: number | undefined;
  #known = new Map<string, Finding>();

  constructor(database: string, history: HistoryStore | undefined, context: OperationContext) {
    this.#database = database;
    this.#history = history;
    this.#context = context;
  }

  compare(sample: Sample, findings: readonly Finding[]): void {
    if (this.#generation !== undefined && sample.generation !== this.#generation) {
      this.#note('warn', 'generation_changed', { generation: sample.generation });
    }
    this.#generation = sample.generation;
    if (findings.length === 0 && this.#known.size === 0) return;
    const now = new Map(findings.map((finding) => [keyOf(finding), finding]));
    for (const [key, { id, severity, message }] of now) {
      if (this.#known.has(key)) continue;
      const event = id === 'reader.pinned' ? 'reader_pinned' : severity === 'info' ? 'noticed' : 'limit_crossed';
      this.#note(severity === 'info' ? 'info' : 'warn', event, { id, severity, finding: message });
    }
    for (const [key, { id, severity }] of this.#known) {
      if (!now.has(key) && severity !== 'info') this.#note('info', 'limit_kept_again', { id });
    }
    this.#known = now;
  }

  #note(level: 'info' | 'warn', kind: string, detail: Record<string, unknown>): void {
    this.#context.log[level](kind, { database: this.#database, ...detail });
    this.#history?.addEvent({ atMs: this.#context.clock.wallTime(), database: this.#database, kind, detail });
  }
}

function keyOf({ id, subject, severity }: Finding): string {
  return `${id} ${subject ?? ''} ${severity}`;
}
