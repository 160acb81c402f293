import type { OperationContext } from '../../context.ts';
import type { HistorySlice } from '../history/query.ts';
import type { LockProbe } from '../lock/probe.ts';
import type { QueryStatistics } from '../queries/query-statistics.ts';
import type { Sample } from '../sample.ts';
import { Watch, type WatchSettings } from '../watch.ts';
import { frame } from './frame.ts';
import { initialKeys, type KeyState, pressKey } from './keys.ts';
import { paintLine } from './line.ts';
import { diffLines } from './line-diff.ts';
import type { AlertLine, DashboardState, JobEvent, View } from './state.ts';
import type { TerminalPort } from './terminal-port.ts';
import { historyWidth } from './view/history.ts';

export interface DashboardRequest extends WatchSettings {
  readonly refreshMs: number;
  readonly view: View;
  /** Length of the history view. */
  readonly rangeMs: number;
  readonly past: PastSource;
  readonly queries: QueryStatistics;
  /** Undefined unless it was asked for: it takes the write lock. */
  readonly probe: LockProbe | undefined;
}

/** The history of the service, when there is one. */
export interface PastSource {
  /** `points` columns that end now. */
  read(rangeMs: number, points: number): HistorySlice | undefined;
  jobs(): readonly JobEvent[] | undefined;
  /** As the last evaluation of the rules left them. */
  alerts(): readonly AlertLine[] | undefined;
}

/** Seconds that the screen can go back without a history. */
const keptSeconds = 600;
/** Time between two looks into the history. */
const pastEveryMs = 5000;
const alertsEveryMs = 2000;

/** What was watched, for the report after the screen is gone. */
export interface WatchSummary {
  readonly samples: number;
  readonly seconds: number;
  readonly commits: number;
  readonly latest: Sample | undefined;
}

/** Draws until `q`, or until the signal is aborted. The terminal is as before after every ending. */
export async function runDashboard(
  request: DashboardRequest,
  terminal: TerminalPort,
  context: OperationContext,
): Promise<WatchSummary> {
  const dashboard = new Dashboard(request, terminal, context);
  return dashboard.run();
}

class Dashboard {
  readonly #request: DashboardRequest;
  readonly #terminal: TerminalPort;
  readonly #context: OperationContext;
  readonly #watch: Watch;
  #keys: KeyState;
  #shown: string[] | undefined;
  /** States of the last seconds, oldest first; the time cursor goes through them. */
  readonly #seconds: DashboardState[] = [];
  #rememberedAt = Number.NEGATIVE_INFINITY;
  #past: { readonly at: number; readonly key: string; history?: HistorySlice; jobs?: readonly JobEvent[] } | undefined;
  #frozen: { readonly seconds: readonly DashboardState[]; readonly now: DashboardState } | undefined;
  #alerts: readonly AlertLine[] | undefined;
  #alertsAt = Number.NEGATIVE_INFINITY;
  #cancelRedraw = (): void => {};

  constructor(request: DashboardRequest, terminal: TerminalPort, context: OperationContext) {
    this.#request = request;
    this.#terminal = terminal;
    this.#context = context;
    this.#keys = { ...initialKeys, view: request.view, rangeMs: request.rangeMs };
    let first = true;
    this.#watch = new Watch(request, context, () => {
      this.#remember();
      if (first) this.#draw();
      first = false;
    });
  }

  async run(): Promise<WatchSummary> {
    const { signal } = this.#context;
    const end = (): void => void this.#watch.stop();
    this.#terminal.open();
    signal.addEventListener('abort', end);
    try {
      this.#terminal.onKey((key) => this.#press(key));
      this.#terminal.onResize(() => {
        this.#shown = undefined;
        this.#draw();
      });
      this.#redraw();
      await this.#watch.run();
    } finally {
      signal.removeEventListener('abort', end);
      this.#cancelRedraw();
      this.#terminal.close();
      await this.#watch.stop();
    }
    const { commits, seconds } = this.#watch.rates.total;
    return { samples: this.#watch.samples, commits, seconds, latest: this.#watch.rates.latest };
  }

  #redraw(): void {
    this.#draw();
    this.#cancelRedraw = this.#context.clock.after(this.#request.refreshMs, () => this.#redraw());
  }

  #press(key: string): void {
    const next = pressKey(this.#keys, key);
    if (next === 'quit') {
      void this.#watch.stop();
      return;
    }
    if (next.paused && !this.#keys.paused) this.#frozen = { now: this.#state(), seconds: [...this.#seconds] };
    if (!next.paused) this.#frozen = undefined;
    this.#keys = { ...next, back: Math.min(next.back, this.#mostBack(next)) };
    this.#draw();
  }

  #draw(): void {
    const { columns, rows, color } = this.#terminal;
    const state = { ...this.#shownState(), ...this.#keys };
    const lines = frame(state, columns, rows).map((line) => paintLine(line, color));
    const bytes = diffLines(this.#shown, lines);
    this.#shown = lines;
    if (bytes !== '') this.#terminal.write(bytes);
  }

  /** The present, or the second under the time cursor; the history view moves its own cursor. */
  #shownState(): DashboardState {
    const seconds = this.#frozen?.seconds ?? this.#seconds;
    const now = this.#frozen?.now ?? this.#state();
    const { back, view } = this.#keys;
    if (back === 0 || view === 'history') return { ...now, ...this.#pastOf() };
    const past = seconds[Math.max(0, seconds.length - 1 - back)] ?? now;
    const trail = seconds.slice(0, Math.max(0, seconds.length - back)).map(({ objectRates }) => objectRates);
    return { ...past, trail };
  }

  #mostBack({ view }: KeyState): number {
    if (view === 'history') return historyWidth(this.#terminal.columns) - 1;
    return Math.max(0, (this.#frozen?.seconds ?? this.#seconds).length - 1);
  }

  #remember(): void {
    const now = this.#context.clock.now();
    if (now - this.#rememberedAt < 1000) return;
    this.#rememberedAt = now;
    this.#seconds.push({ ...this.#state(), points: this.#watch.rates.points.slice(-60), trail: [] });
    if (this.#seconds.length > keptSeconds) this.#seconds.shift();
  }

  /** Asked only where it is shown, and not at every frame. */
  #pastOf(): Pick<DashboardState, 'history' | 'jobs'> {
    const { view, rangeMs } = this.#keys;
    if (view !== 'history' && view !== 'jobs') return { history: undefined, jobs: undefined };
    const width = historyWidth(this.#terminal.columns);
    const key = `${view} ${rangeMs} ${width}`;
    const now = this.#context.clock.now();
    const known = this.#past;
    if (known === undefined || known.key !== key || now - known.at > pastEveryMs) {
      const history = view === 'history' ? this.#request.past.read(rangeMs, width) : undefined;
      const jobs = view === 'jobs' ? this.#request.past.jobs() : undefined;
      this.#past = {
        at: now,
        key,
        ...(history === undefined ? {} : { history }),
        ...(jobs === undefined ? {} : { jobs }),
      };
    }
    return { history: this.#past?.history, jobs: this.#past?.jobs };
  }

  /** The rules are evaluated every few seconds: to read their state with every sample would tell nothing new. */
  #alertsNow(): readonly AlertLine[] | undefined {
    const now = this.#context.clock.now();
    if (now - this.#alertsAt >= alertsEveryMs) {
      this.#alertsAt = now;
      this.#alerts = this.#request.past.alerts();
    }
    return this.#alerts;
  }

  #state(): DashboardState {
    const { rates, database, findings, notice } = this.#watch;
    return {
      database,
      sample: rates.latest,
      points: [...rates.points],
      rates: rates.rates,
      objectRates: rates.objectRates,
      findings,
      lastCheckpointAt: rates.lastCheckpointAt,
      rateHz: Math.round(1000 / this.#request.sampler.intervalMs),
      notice,
      keys: true,
      queries: this.#request.queries.facts,
      probe: this.#request.probe?.facts,
      alerts: this.#alertsNow(),
      jobs: undefined,
      history: undefined,
      trail: this.#seconds.map(({ objectRates }) => objectRates),
      ...this.#keys,
    };
  }
}

/** Without a terminal: one JSON line per sample, until the signal is aborted. */
export async function streamSamples(
  request: WatchSettings,
  write: (line: string) => void,
  context: OperationContext,
  probe: LockProbe | undefined = undefined,
): Promise<WatchSummary> {
  const watch = new Watch(request, context, (sample) => {
    const facts = probe === undefined ? {} : { probe: probe.facts ?? null };
    write(`${JSON.stringify({ type: 'sample', ...sample, ...facts })}\n`);
  });
  const end = (): void => void watch.stop();
  context.signal.addEventListener('abort', end);
  try {
    await watch.run();
  } finally {
    context.signal.removeEventListener('abort', end);
    await watch.stop();
  }
  const { commits, seconds } = watch.rates.total;
  return { samples: watch.samples, commits, seconds, latest: watch.rates.latest };
}
