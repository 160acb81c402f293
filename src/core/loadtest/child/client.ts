import type { Clock, Random } from '../../context.ts';
import { retryWhileBusy } from '../../sqlite/busy-retry.ts';
import { type Connection, openReadWrite } from '../../sqlite/connection.ts';
import { LatencyHistogram } from '../../statistics/latency-histogram.ts';
import { arrivals, type ClientShare } from '../arrival/schedule.ts';
import { type Phase, type PhaseResult, PhaseRun } from '../driver.ts';
import { resolveScenarios } from '../scenario/resolve.ts';
import type { Scenario, SessionSettings } from '../scenario/scenario.ts';
import { keySpace, StatementStream } from '../stream/statement-stream.ts';
import { ClientWork } from './client-work.ts';
import type { ClientResources, ClientSetup, FromClient, PhaseMessage, StatementTime } from './protocol.ts';
import { rehearse } from './rehearsal.ts';

/** What a client process offers to the code that runs in it. */
export interface ClientHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly nodeVersion: string;
  /** Lets the event loop run once. */
  turn(): Promise<void>;
  /** Monotonic clock of a time since 1970. */
  monotonicOf(wallMs: number): number;
  send(message: FromClient): void;
  /** Counters since the process began. */
  resources(): ClientResources;
}

/** One load-generating process between its set-up and its exit. */
export class Client {
  readonly #host: ClientHost;
  readonly #setup: ClientSetup;
  readonly #connection: Connection;
  readonly #scenario: Scenario;
  readonly #stream: StatementStream;
  readonly #statementTimes = new Map<string, StatementTime & { readonly histogram: LatencyHistogram }>();
  #work: ClientWork | undefined;
  #run: PhaseRun | undefined;
  #stopped = false;

  static async open(setup: ClientSetup, host: ClientHost): Promise<Client> {
    const scenario = await resolveScenarios(setup.scenarios);
    const { clock, random } = host;
    // Retries are made by the driver, which counts them; only opening waits by itself.
    const connection = retryWhileBusy(
      () => openReadWrite(setup.databasePath, setup.profile, { clock, random, busyTimeoutMs: 0 }),
      { clock, random, deadlineMs: setup.busyTimeoutMs, path: setup.databasePath },
    );
    for (const { name, value } of setup.pragmas) connection.pragma(`${name} = ${value}`);
    return new Client(setup, host, connection, scenario);
  }

  private constructor(setup: ClientSetup, host: ClientHost, connection: Connection, scenario: Scenario) {
    this.#setup = setup;
    this.#host = host;
    this.#connection = connection;
    this.#scenario = scenario;
    this.#stream = new StatementStream(scenario, setup.seed);
    // Opened now only to be refused now: a scenario names its tables when it opens.
    scenario.open(connection, this.#sessionSettings());
    host.send({ type: 'ready', connection: connection.effectivePragmas(), node: host.nodeVersion });
  }

  rehearse(calls: number): void {
    const done = rehearse(
      this.#connection,
      this.#scenario,
      this.#stream,
      { runId: this.#setup.runId, seed: this.#setup.seed },
      { calls, clock: this.#host.clock },
    );
    // What was rolled back must not count as WAL of the run.
    this.#connection.pragma('wal_checkpoint(TRUNCATE)');
    this.#host.send({ type: 'rehearsed', calls: done });
  }

  stop(): void {
    this.#stopped = true;
    this.#run?.stop();
  }

  async phase(message: PhaseMessage): Promise<void> {
    const { clock } = this.#host;
    const phase = this.#makePhase(message);
    this.#work ??= this.#makeWork();
    this.#statementTimes.clear();
    this.#work.checkpointStalls.reset();
    const sampler = new IntervalSampler(message, this.#setup, this.#host, phase.epochMs);
    const run = new PhaseRun(phase, this.#work, {
      now: () => clock.now(),
      sleepSync: (ms) => clock.sleepSync(ms),
      turn: async () => {
        await this.#host.turn();
        sampler.maybeSend(run);
      },
    });
    this.#run = run;
    if (this.#stopped) run.stop();
    const before = this.#host.resources();
    const result = await run.run();
    // Garbage collection reports arrive on the next turn.
    await this.#host.turn();
    sampler.send(run);
    this.#host.send(this.#done(message, phase, result, before));
  }

  close(): void {
    this.#connection.close();
  }

  #sessionSettings(): SessionSettings {
    const { runId, client, seed, perStatement } = this.#setup;
    const settings = { runId: `${runId}.${client}`, seed };
    if (!perStatement) return settings;
    return {
      ...settings,
      onStatement: (type, statement, from, to) => this.#recordStatement(type, statement, to - from),
    };
  }

  #recordStatement(type: number, statement: number, ms: number): void {
    const key = `${type}:${statement}`;
    let entry = this.#statementTimes.get(key);
    if (entry === undefined) {
      const histogram = new LatencyHistogram();
      entry = { type, statement, histogram, time: histogram.toJSON() };
      this.#statementTimes.set(key, entry);
    }
    entry.histogram.record(ms * 1e6);
  }

  #makeWork(): ClientWork {
    return new ClientWork({
      types: this.#scenario.transactions.length,
      stream: this.#stream,
      connection: this.#connection,
      session: this.#scenario.open(this.#connection, this.#sessionSettings()),
      busyTimeoutMs: this.#setup.busyTimeoutMs,
    });
  }

  #makePhase(message: PhaseMessage): Phase {
    const { client, clients, groupSize, seed } = this.#setup;
    const first = keySpace[message.name === 'warmup' ? 'warmup' : 'measured'];
    const base = { epochMs: this.#host.monotonicOf(message.startAt), durationMs: message.durationMs, groupSize };
    const { load, transactions } = message;
    if (load.loop === 'open') {
      const share: ClientShare = {
        client,
        clients,
        first,
        ...(transactions === undefined ? {} : { limit: transactions }),
      };
      const { dropAfterMs } = load;
      return {
        ...base,
        loop: 'open',
        // Warm-up has other arrival times as well as other transactions.
        arrivals: arrivals(load.arrivals, share, message.name === 'warmup' ? seed + 1 : seed),
        meanGapMs: (1000 * clients) / load.meanRate,
        ...(dropAfterMs === undefined ? {} : { dropAfterMs }),
        drainMs: load.drainMs,
      };
    }
    const limit = transactions === undefined ? {} : { limit: Math.ceil((transactions - client) / clients) };
    return {
      ...base,
      loop: 'closed',
      first: first + client,
      step: clients,
      ...limit,
      thinkMs: this.#scenario.transactions.map((transaction) => transaction.thinkMs ?? load.thinkMs),
    };
  }

  #done(message: PhaseMessage, phase: Phase, result: PhaseResult, before: ClientResources): FromClient {
    return {
      type: 'done',
      phase: message.name,
      complete: result.complete,
      elapsedMs: result.endedMs - phase.epochMs,
      transactions: result.tallies.map((tally) => tally.toJSON()),
      schedule: result.schedule,
      lateness: result.lateness.toJSON(),
      attempted: result.attempted,
      droppedNumbers: result.droppedNumbers,
      statements: [...this.#statementTimes.values()].map(({ type, statement, histogram }) => ({
        type,
        statement,
        time: histogram.toJSON(),
      })),
      checkpointStalls: (this.#work?.checkpointStalls ?? new LatencyHistogram()).toJSON(),
      resources: difference(this.#host.resources(), before),
    };
  }
}

/** Sends what happened in each interval, at the first turn behind its end. */
class IntervalSampler {
  readonly #message: PhaseMessage;
  readonly #setup: ClientSetup;
  readonly #host: ClientHost;
  readonly #epochMs: number;
  #index = 0;
  #sentMs = 0;

  constructor(message: PhaseMessage, setup: ClientSetup, host: ClientHost, epochMs: number) {
    this.#message = message;
    this.#setup = setup;
    this.#host = host;
    this.#epochMs = epochMs;
  }

  maybeSend(run: PhaseRun): void {
    if (this.#host.clock.now() - this.#epochMs >= (this.#index + 1) * this.#setup.intervalMs) this.send(run);
  }

  send(run: PhaseRun): void {
    const { interval } = run;
    const elapsedMs = Math.max(0, this.#host.clock.now() - this.#epochMs);
    this.#host.send({
      type: 'sample',
      phase: this.#message.name,
      index: this.#index,
      spanMs: elapsedMs - this.#sentMs,
      service: interval.service.toJSON(),
      response: interval.response.toJSON(),
      failed: interval.failed,
      late: interval.late,
      dropped: interval.dropped,
      ...(this.#setup.cumulative
        ? { cumulative: { transactions: run.tallies.map((tally) => tally.toJSON()), schedule: { ...run.schedule } } }
        : {}),
    });
    this.#index = Math.max(this.#index, Math.floor(elapsedMs / this.#setup.intervalMs));
    this.#sentMs = elapsedMs;
    interval.service.reset();
    interval.response.reset();
    interval.failed = 0;
    interval.late = 0;
    interval.dropped = 0;
  }
}

/** Counters grow; the highest memory use is no counter. */
function difference(after: ClientResources, before: ClientResources): ClientResources {
  return {
    cpuUserMs: after.cpuUserMs - before.cpuUserMs,
    cpuSystemMs: after.cpuSystemMs - before.cpuSystemMs,
    voluntarySwitches: after.voluntarySwitches - before.voluntarySwitches,
    involuntarySwitches: after.involuntarySwitches - before.involuntarySwitches,
    readBytes: after.readBytes - before.readBytes,
    writeBytes: after.writeBytes - before.writeBytes,
    maxRssBytes: after.maxRssBytes,
    gcPauseMs: after.gcPauseMs - before.gcPauseMs,
  };
}
