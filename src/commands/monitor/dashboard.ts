import type { LockProbe, ProbeFacts } from '../../core/monitor/lock/probe.ts';
import type { Rates, SecondPoint } from '../../core/monitor/rates.ts';
import type { Sample } from '../../core/monitor/sample.ts';
import type { WatchSettings } from '../../core/monitor/watch.ts';
import type { Report } from '../../core/report.ts';
import { type CommandContext, defineCommand } from '../definition.ts';

/** The data of the report of `monitor dashboard`: one frame, or what was watched until the end. */
export interface DashboardData {
  readonly database: string;
  /** `once`: text shows a frame. `screen`: it was drawn already. `lines`: the samples went to stdout. */
  readonly shown: 'once' | 'screen' | 'lines';
  readonly view: 'overview' | 'tables' | 'locks' | 'wal' | 'alerts' | 'queries' | 'jobs' | 'history';
  readonly rateHz: number;
  readonly samples: number;
  readonly seconds: number;
  readonly commits: number;
  readonly sample: Sample | null;
  readonly rates: Rates | null;
  readonly points: readonly SecondPoint[];
  /** Frames per second of each object, by `kind name`. */
  readonly objectRates: Readonly<Record<string, number>>;
  readonly lastCheckpointAt: string | null;
  /** What tries for the write lock found; null without --probe. */
  readonly probe: ProbeFacts | null;
}

export const definition = defineCommand({
  path: ['monitor', 'dashboard'],
  summary: 'watch a database that others use: commits, WAL, locks, who is in the way',
  description:
    'Nothing is opened with SQLite and no lock is taken (but for --probe): a child process reads the WAL-index and the lock table of the kernel. Without a terminal it prints one JSON line per sample.',
  options: {
    once: { type: 'flag', summary: 'watch for a second, print one frame and end' },
    rate: {
      type: 'integer',
      value: 'hz',
      minimum: 1,
      maximum: 50,
      config: 'monitor.rate',
      summary: 'samples per second',
    },
    refresh: {
      type: 'duration',
      value: 'time',
      config: 'monitor.refresh',
      summary: 'time between two frames',
    },
    attribution: {
      type: 'choice',
      choices: ['frames', 'index', 'off'],
      config: 'monitor.attribution',
      summary: 'frames: read the WAL to tell what is written to which table; index: read its page numbers alone',
    },
    view: {
      type: 'choice',
      choices: ['overview', 'tables', 'locks', 'wal', 'alerts', 'queries', 'jobs', 'history'],
      summary: 'first view; overview without it',
    },
    probe: {
      type: 'flag',
      summary: 'also take the write lock now and then to know what that costs; it can make another process wait',
    },
    since: {
      type: 'duration',
      value: 'duration',
      summary: 'begin with so much of the history that monitor serve keeps',
    },
  },
  formats: ['markdown'],
  examples: [
    { command: 'monitor', does: 'the live view; ? lists the keys' },
    { command: 'monitor --since 6h', does: 'what happened in the last six hours, when monitor serve runs' },
    { command: 'monitor --once', does: 'one frame as text' },
    { command: 'monitor --probe --view locks', does: 'who holds what, and how long the write lock takes to get' },
    { command: 'monitor --once --json', does: 'the same as data' },
    { command: 'monitor > samples.ndjson', does: 'one line per sample, until Ctrl-C' },
  ],
  exitCodes: {
    0: 'quit',
    1: 'the sampler cannot run',
    10: 'the database does not exist',
    12: 'not a database',
  },
  async run({ options }, context) {
    const { watchSettings } = await import('./watch-settings.ts');
    const rateHz = options.rate ?? context.config.monitor.rate;
    const attribution = options.attribution ?? context.config.monitor.attribution;
    const settings = await watchSettings(context, 1000 / rateHz, attribution);
    const probe = options.probe ? await startProbe(settings.sampler.path, context) : undefined;
    const shown = {
      settings,
      probe,
      rateHz,
      view: options.view ?? (options.since === undefined ? 'overview' : 'history'),
      rangeMs: options.since ?? 3_600_000,
      refreshMs: options.refresh ?? context.config.monitor.refresh,
    };
    try {
      return options.once || context.format !== 'text' ? await once(shown, context) : await live(shown, context);
    } finally {
      await probe?.stop();
    }
  },
  exitCode: () => 0,
});

async function startProbe(path: string, context: CommandContext): Promise<LockProbe> {
  const { LockProbe } = await import('../../core/monitor/lock/probe.ts');
  return new LockProbe(path, context);
}

interface Shown {
  readonly settings: WatchSettings;
  readonly probe: LockProbe | undefined;
  readonly rateHz: number;
  readonly view: DashboardData['view'];
  readonly rangeMs: number;
  readonly refreshMs: number;
}

/** A second of watching as one report. */
async function once({ settings, probe, rateHz, view }: Shown, context: CommandContext): Promise<Report<DashboardData>> {
  const { collectSamples } = await import('../../core/monitor/collect.ts');
  const isTried = (): boolean => probe === undefined || probe.facts !== undefined;
  const collected = await collectSamples(settings, context, (samples) => samples.length > rateHz + 1 && isTried());
  const [first, last] = [collected.samples[0], collected.samples.at(-1)];
  const data: DashboardData = {
    database: settings.sampler.path,
    view,
    rateHz,
    shown: 'once',
    samples: collected.samples.length,
    seconds: ((last?.monotonicMs ?? 0) - (first?.monotonicMs ?? 0)) / 1000,
    commits: (last?.commits ?? 0) - (first?.commits ?? 0),
    sample: last ?? null,
    rates: collected.rates,
    points: collected.points,
    objectRates: collected.objectRates,
    lastCheckpointAt: collected.lastCheckpointAt ?? null,
    probe: probe?.facts ?? null,
  };
  return context.report(data, { findings: collected.findings });
}

/** The screen, or without a terminal one line for each sample, until it is ended. */
async function live(shown: Shown, context: CommandContext): Promise<Report<DashboardData>> {
  const { settings, probe, rateHz, view } = shown;
  const { runDashboard, streamSamples } = await import('../../core/monitor/terminal/dashboard.ts');
  const { QueryStatistics } = await import('../../core/monitor/queries/query-statistics.ts');
  const { queryDirectory } = await import('./watch-settings.ts');
  const { pastSource } = await import('./past-source.ts');
  const terminal = await context.openTerminal();
  const past = await pastSource(context);
  const queries = new QueryStatistics(queryDirectory(context), settings.sampler.path, context.clock);
  const summary = terminal.interactive
    ? await runDashboard({ ...shown, ...settings, past, queries }, terminal, context)
    : await streamSamples(settings, (line) => terminal.write(line), context, probe);
  const data: DashboardData = {
    database: settings.sampler.path,
    view,
    rateHz,
    shown: terminal.interactive ? 'screen' : 'lines',
    samples: summary.samples,
    seconds: summary.seconds,
    commits: summary.commits,
    sample: summary.latest ?? null,
    rates: null,
    points: [],
    objectRates: {},
    lastCheckpointAt: null,
    probe: probe?.facts ?? null,
  };
  return context.report(data);
}
