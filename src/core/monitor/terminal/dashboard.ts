import type { OperationContext } from '../../context.ts';
import type { Sample } from '../sample.ts';
import { Watch, type WatchSettings } from '../watch.ts';
import { frame } from './frame.ts';
import { initialKeys, type KeyState, pressKey } from './keys.ts';
import { paintLine } from './line.ts';
import { diffLines } from './line-diff.ts';
import type { DashboardState, View } from './state.ts';
import type { TerminalPort } from './terminal-port.ts';

export interface DashboardRequest extends WatchSettings {
  readonly refreshMs: number;
  readonly view: View;
}

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
  #frozen: DashboardState | undefined;
  #cancelRedraw = (): void => {};

  constructor(request: DashboardRequest, terminal: TerminalPort, context: OperationContext) {
    this.#request = request;
    this.#terminal = terminal;
    this.#context = context;
    this.#keys = { ...initialKeys, view: request.view };
    let first = true;
    this.#watch = new Watch(request, context, () => {
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
    if (next.paused && !this.#keys.paused) this.#frozen = this.#state();
    if (!next.paused) this.#frozen = undefined;
    this.#keys = next;
    this.#draw();
  }

  #draw(): void {
    const { columns, rows, color } = this.#terminal;
    const state = this.#frozen === undefined ? this.#state() : { ...this.#frozen, ...this.#keys };
    const lines = frame(state, columns, rows).map((line) => paintLine(line, color));
    const bytes = diffLines(this.#shown, lines);
    this.#shown = lines;
    if (bytes !== '') this.#terminal.write(bytes);
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
      ...this.#keys,
    };
  }
}

/** Without a terminal: one JSON line per sample, until the signal is aborted. */
export async function streamSamples(
  request: WatchSettings,
  write: (line: string) => void,
  context: OperationContext,
): Promise<WatchSummary> {
  const watch = new Watch(request, context, (sample) => write(`${JSON.stringify({ type: 'sample', ...sample })}\n`));
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
