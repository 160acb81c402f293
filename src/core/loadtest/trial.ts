import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import type { EffectivePragmas, PragmaProfile } from '../sqlite/pragma-profile.ts';
import { ScanGroup, type ScanSummary } from './background-scan.ts';
import { ChildProcess, childEntry } from './child/child-process.ts';
import type { ClientSetup, FromClient, IntervalSample, PhaseDone, PhaseMessage, ToClient } from './child/protocol.ts';
import { type LoadPlan, meanRate } from './plan.ts';
import { type LoadResult, mergePhases } from './result/load-result.ts';
import { Series, type SeriesRow } from './result/series.ts';
import { addSchedule, noSchedule, type ScheduleCounts, TransactionTally } from './result/tally.ts';
import { type WalSummary, WalWatch } from './wal-watch.ts';
import { firstStage } from './warmup.ts';

export interface TrialRequest {
  readonly plan: LoadPlan;
  readonly path: string;
  readonly runId: string;
  readonly profile: PragmaProfile;
  /** Names of the transactions, in the order of the scenario. */
  readonly names: readonly string[];
  readonly onRow?: (row: SeriesRow) => void;
  /** Called with everything measured so far; true ends the run. */
  readonly shouldAbort?: (soFar: RunningTotals) => boolean;
}

export interface RunningTotals {
  readonly elapsedMs: number;
  readonly transactions: readonly TransactionTally[];
  readonly schedule: ScheduleCounts;
  readonly walMaxBytes: number;
}

export interface TrialResult {
  readonly connections: readonly EffectivePragmas[];
  /** Version of Node that ran the clients. */
  readonly node: string;
  /** False when it was cut short, by a signal or by a threshold. */
  readonly complete: boolean;
  readonly aborted: boolean;
  readonly warmup: LoadResult | undefined;
  readonly measured: LoadResult | undefined;
  readonly series: readonly SeriesRow[];
  readonly wal: WalSummary;
  readonly backgroundReaders: ScanSummary | undefined;
}

/** Time that all processes get to hear of the start before it comes. */
const startDelayMs = 60;
/** Longest silence of a client beyond its planned time before it counts as hanging. */
const graceMs = 60_000;

/** Loads one file with client processes from set-up to exit. The file is opened by children alone. */
export async function runTrial(request: TrialRequest, context: OperationContext): Promise<TrialResult> {
  const trial = new Trial(request, context);
  try {
    return await trial.run();
  } finally {
    await trial.end();
  }
}

type Client = ChildProcess<ToClient, FromClient>;

class Trial {
  readonly #request: TrialRequest;
  readonly #context: OperationContext;
  readonly #clients: Client[] = [];
  readonly #wal: WalWatch;
  readonly #cumulative: (NonNullable<IntervalSample['cumulative']> | undefined)[] = [];
  #scans: ScanGroup | undefined;
  #series: Series | undefined;
  #rows: SeriesRow[] = [];
  #measureStartedMs = 0;
  #aborted = false;

  constructor(request: TrialRequest, context: OperationContext) {
    this.#request = request;
    this.#context = context;
    this.#wal = new WalWatch(request.path, context.clock);
  }

  async run(): Promise<TrialResult> {
    const { plan } = this.#request;
    const { signal } = this.#context;
    const onAbort = (): void => this.#stop();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const { connections, node } = await this.#setUp();
      await this.#rehearse();
      if (plan.backgroundReaders > 0 && !signal.aborted) this.#scans = await this.#startScans();
      const warmup = signal.aborted || plan.warmupMs === 0 ? undefined : await this.#phase(this.#warmupMessage());
      this.#wal.start();
      this.#scans?.reset();
      const measured = signal.aborted ? undefined : await this.#phase(this.#measureMessage());
      const backgroundReaders = this.#scans?.summary();
      const wal = await this.#wal.stop();
      return {
        connections,
        node,
        complete: measured?.complete === true && warmup?.complete !== false && !signal.aborted,
        aborted: this.#aborted,
        warmup,
        measured,
        series: this.#rows,
        wal,
        backgroundReaders,
      };
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Lets the clients close their connections; kills what does not end by itself. */
  async end(): Promise<void> {
    await this.#wal.stop();
    await this.#scans?.end();
    await Promise.all(
      this.#clients.map(async (client) => {
        client.send({ type: 'exit' });
        const cancel = this.#context.clock.after(5000, () => void client.kill());
        await client.exited;
        cancel();
      }),
    );
  }

  async #setUp(): Promise<Pick<TrialResult, 'connections' | 'node'>> {
    const { plan, path, runId, profile } = this.#request;
    for (let client = 0; client < plan.clients; client++) {
      const child: Client = new ChildProcess(childEntry('client-main'), `client ${client}`);
      this.#clients.push(child);
      child.onMessage((message) => this.#hear(client, message));
      const setup: ClientSetup = {
        type: 'setup',
        databasePath: path,
        scenarios: plan.scenarios,
        seed: plan.seed,
        runId,
        client,
        clients: plan.clients,
        profile,
        pragmas: plan.pragmas,
        busyTimeoutMs: plan.busyTimeoutMs,
        groupSize: plan.groupSize,
        perStatement: plan.perStatement,
        intervalMs: plan.intervalMs,
        cumulative: this.#request.shouldAbort !== undefined,
      };
      child.send(setup);
    }
    const ready = await Promise.all(this.#clients.map((client) => this.#within(client, client.next('ready'), 0)));
    return { connections: ready.map(({ connection }) => connection), node: ready[0]?.node ?? '' };
  }

  /** One client after the other, because each holds the write lock while it rehearses. */
  async #rehearse(): Promise<void> {
    const { rehearsalCalls } = this.#request.plan;
    if (rehearsalCalls === 0) return;
    for (const client of this.#clients) {
      if (this.#context.signal.aborted) return;
      client.send({ type: 'rehearse', calls: rehearsalCalls });
      await this.#within(client, client.next('rehearsed'), 0);
    }
  }

  async #startScans(): Promise<ScanGroup> {
    const { plan, path } = this.#request;
    return ScanGroup.start({ path, size: plan.backgroundReaders, busyTimeoutMs: plan.busyTimeoutMs });
  }

  async #phase(message: PhaseMessage): Promise<LoadResult> {
    const { plan, onRow, names } = this.#request;
    const progress = this.#context.progress.start({
      id: `loadtest.${message.name}`,
      label: message.name === 'warmup' ? 'warm-up' : 'measuring',
      unit: 'steps',
      ...(message.transactions === undefined ? { total: Math.ceil(message.durationMs / plan.intervalMs) } : {}),
    });
    const series = new Series(message.name, plan.clients, plan.intervalMs, (row) => {
      progress.advance(1);
      if (row.phase === 'measure') this.#rows.push(row);
      onRow?.(row);
    });
    this.#series = series;
    if (message.name === 'measure') this.#measureStartedMs = this.#context.clock.now();
    for (const client of this.#clients) client.send(message);
    const parts = await Promise.all(
      this.#clients.map((client) => this.#within(client, client.next('done'), message.durationMs)),
    );
    series.finish();
    progress.done();
    return mergePhases(parts as PhaseDone[], names.length);
  }

  #warmupMessage(): PhaseMessage {
    const { plan } = this.#request;
    const { load } = plan;
    if (load.loop === 'closed') {
      return { ...this.#start('warmup', plan.warmupMs), load: { loop: 'closed', thinkMs: load.thinkMs } };
    }
    const stage = firstStage(load, plan.warmupMs);
    const kind = load.arrivals.kind === 'constant' ? 'constant' : 'poisson';
    return {
      ...this.#start('warmup', plan.warmupMs),
      load: {
        loop: 'open',
        arrivals: { kind, stages: [stage] },
        meanRate: stage.to,
        // What has queued up is run to its end, however long that takes, so that it does not reach the measured phase.
        drainMs: Math.max(load.drainMs, 10 * plan.warmupMs),
      },
    };
  }

  #measureMessage(): PhaseMessage {
    const { load } = this.#request.plan;
    const transactions = load.transactions === undefined ? {} : { transactions: load.transactions };
    const base = { ...this.#start('measure', load.durationMs), ...transactions };
    if (load.loop === 'closed') return { ...base, load: { loop: 'closed', thinkMs: load.thinkMs } };
    const { arrivals, dropAfterMs, drainMs } = load;
    return {
      ...base,
      load: {
        loop: 'open',
        arrivals,
        meanRate: meanRate(load) ?? 1,
        ...(dropAfterMs === undefined ? {} : { dropAfterMs }),
        drainMs,
      },
    };
  }

  #start(
    name: 'warmup' | 'measure',
    durationMs: number,
  ): Pick<PhaseMessage, 'type' | 'name' | 'startAt' | 'durationMs'> {
    return { type: 'phase', name, startAt: this.#context.clock.wallTime() + startDelayMs, durationMs };
  }

  #stop(): void {
    for (const client of this.#clients) client.send({ type: 'stop' });
  }

  /** True keeps the message from whoever waits. */
  #hear(client: number, message: FromClient): boolean {
    if (message.type !== 'sample') return false;
    this.#series?.add(client, message, this.#wal.bytes);
    if (message.phase === 'measure') this.#cumulative[client] = message.cumulative;
    if (message.phase === 'measure' && this.#judge()) {
      this.#aborted = true;
      this.#stop();
    }
    return true;
  }

  #judge(): boolean {
    const { shouldAbort, names } = this.#request;
    if (shouldAbort === undefined || this.#aborted) return false;
    const transactions = names.map(() => new TransactionTally());
    const schedule = noSchedule();
    for (const part of this.#cumulative) {
      if (part === undefined) continue;
      for (const [type, json] of part.transactions.entries())
        transactions[type]?.merge(TransactionTally.fromJSON(json));
      addSchedule(schedule, part.schedule);
    }
    const elapsedMs = this.#context.clock.now() - this.#measureStartedMs;
    return shouldAbort({ elapsedMs, transactions, schedule, walMaxBytes: this.#wal.maxBytes });
  }

  /** A client that neither answers nor dies is killed, and the run fails instead of hanging. */
  async #within<T>(client: Client, answer: Promise<T>, plannedMs: number): Promise<T> {
    const { clock } = this.#context;
    const { load, warmupMs } = this.#request.plan;
    const drainMs = load.loop === 'open' ? Math.max(load.drainMs, 10 * warmupMs) : 0;
    let hanging = false;
    const cancel = clock.after(plannedMs + drainMs + graceMs, () => {
      hanging = true;
      void client.kill();
    });
    try {
      return await answer;
    } catch (error) {
      if (!hanging) throw error;
      throw new TradedbError('child_failed', `${client.name} did not answer in time and was ended`, {
        hint: 'one transaction may run without end; look at its statements with: tradedb analyze queries',
        cause: error,
      });
    } finally {
      cancel();
    }
  }
}
