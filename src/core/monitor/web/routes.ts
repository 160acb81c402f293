import type { Metric } from '../../report.ts';
import type { AlertFacts } from '../alert-facts.ts';
import { mostPoints } from '../history/query.ts';
import type { HistoryStore } from '../history/store.ts';
import type { JobRunner } from '../service/job-runner.ts';
import type { ServedDatabase } from '../service/served-database.ts';
import type { Assets } from './assets.ts';
import type { Answer, Question, Routes } from './server.ts';

/** A stored backup as the dashboard lists it. */
export interface BackupRow {
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly type: string;
  readonly sizeBytes: number | null;
}

/** An alert that people were told of, or that waits for its time. */
export interface AlertRow extends AlertFacts {
  readonly database: string;
}

export interface RouteSources {
  readonly version: string;
  readonly databases: () => readonly ServedDatabase[];
  readonly history: HistoryStore | undefined;
  readonly jobs: JobRunner;
  /** Undefined without the dashboard. */
  readonly assets: Assets | undefined;
  readonly exposition: (metrics: readonly Metric[]) => string;
  readonly alerts: () => readonly AlertRow[];
  /** Series of the service itself and of its alerts. */
  readonly ownMetrics: () => readonly Metric[];
  readonly backups: (database: string) => Promise<readonly BackupRow[]>;
  readonly wallTime: () => number;
}

const eventsShown = 100;

/** The whole of what can be asked. */
export function makeRoutes(sources: RouteSources): Routes {
  const { databases, assets } = sources;
  const allFresh = (): boolean => databases().every((database) => database.isFresh);
  const chosen = ({ query }: Question): ServedDatabase | undefined => chooseDatabase(databases(), query);
  const routes = new Map<string, (question: Question) => Answer | Promise<Answer>>([
    ['/live', () => plain(200, 'yes\n')],
    ['/ready', () => (allFresh() ? plain(200, 'yes\n') : plain(503, 'no\n'))],
    ['/health', () => (allFresh() ? plain(200, 'yes\n') : plain(503, 'no\n'))],
    ['/metrics', ({ accept }) => metrics(sources, accept)],
    [
      '/api/sample',
      (question) => {
        const view = chosen(question)?.view();
        return view === undefined ? plain(503, 'no sample\n') : json(view);
      },
    ],
    ['/api/state', () => json(state(sources))],
    ['/api/history', (question) => historyAnswer(question, chosen(question), sources)],
    [
      '/api/backups',
      async (question) => {
        const database = chosen(question);
        return database === undefined
          ? plain(404, 'not found\n')
          : json({ backups: await sources.backups(database.name) });
      },
    ],
    [
      '/api/queries',
      (question) => {
        const database = chosen(question);
        return database === undefined ? plain(404, 'not found\n') : json(database.queries.facts);
      },
    ],
  ]);
  for (const [path, { type, body }] of assets ?? []) routes.set(path, () => ({ status: 200, type, body }));
  return routes;
}

/** The one of `?database=`, or the first; undefined when there is none of that name. */
export function chooseDatabase(
  databases: readonly ServedDatabase[],
  query: URLSearchParams,
): ServedDatabase | undefined {
  const name = query.get('database');
  return name === null ? databases[0] : databases.find((database) => database.name === name);
}

function metrics({ databases, jobs, exposition, ownMetrics }: RouteSources, accept: string): Answer {
  const all = [...databases().flatMap((database) => database.metrics()), ...jobs.metrics(), ...ownMetrics()];
  const text = exposition(all);
  return accept.includes('application/openmetrics-text')
    ? openMetrics(text)
    : { ...plain(200, text), type: 'text/plain; version=0.0.4; charset=utf-8' };
}

function state({ version, databases, jobs, history, alerts, wallTime }: RouteSources) {
  return {
    version,
    nowMs: wallTime(),
    databases: databases().map(({ name, isFresh, findings, settings }) => ({
      name,
      isFresh,
      rateHz: Math.round(1000 / settings.watch.sampler.intervalMs),
      findings: findings.length,
    })),
    jobs: jobs.status,
    alerts: alerts(),
    history: history === undefined ? null : { sizeBytes: history.sizeBytes, findings: history.findings },
    events: history?.events(eventsShown) ?? [],
  };
}

function historyAnswer({ query }: Question, database: ServedDatabase | undefined, sources: RouteSources): Answer {
  const { history, wallTime } = sources;
  if (database === undefined || history === undefined) return plain(404, 'not found\n');
  const nowMs = wallTime();
  const number = (name: string, fallback: number): number => {
    const text = query.get(name);
    return text !== null && /^\d{1,14}$/.test(text) ? Number(text) : fallback;
  };
  const series = query.getAll('series');
  const [fromMs, toMs] = [number('from', nowMs - 3_600_000), number('to', nowMs)];
  if (series.length === 0 || series.length > 24 || toMs <= fromMs) {
    return plain(400, 'give series=<name> (up to 24 times) and from < to in milliseconds\n');
  }
  database.flushHistory();
  const points = Math.min(number('points', 600), mostPoints);
  const slice = history.read({ database: database.name, series, fromMs, toMs, nowMs, points });
  return slice === undefined ? plain(503, 'no history\n') : json(slice);
}

/** OpenMetrics names the family of a counter without `_total` and ends with a mark. */
export function openMetrics(prometheus: string): Answer {
  const body = prometheus.replace(/^# (HELP|TYPE) (\S+)_total /gm, '# $1 $2 ');
  return { status: 200, type: 'application/openmetrics-text; version=1.0.0; charset=utf-8', body: `${body}# EOF\n` };
}

function plain(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body };
}

function json(value: unknown): Answer {
  return { status: 200, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value)}\n` };
}
