import { LatencyHistogram } from '../statistics/latency-histogram.ts';
import { Pacer, spinsFor } from './arrival/pacing.ts';
import type { Arrival } from './arrival/schedule.ts';
import { addCounts, noSchedule, type ScheduleCounts, TransactionTally } from './result/tally.ts';

/**
 * The loop of one client. It runs one phase (warm-up or measurement) to its end and records both views: service time
 * (start to end) and response time (intended start to end), which alone shows the queue behind a stall.
 */

export interface DriverPorts {
  /** Monotonic milliseconds with a fraction. */
  now(): number;
  sleepSync(ms: number): void;
  /** Lets the event loop run once: messages, snapshots, garbage collection reports. */
  turn(): Promise<void>;
}

/** The transactions of the scenario as the driver sees them. */
export interface Work {
  readonly types: number;
  /** Type of transaction `k`. */
  typeOf(k: number): number;
  /** Draws the values of transaction `k`; not part of its service time. */
  prepare(k: number, type: number): unknown;
  /** Runs one transaction, retrying while another process is in the way; says whether it failed, and why. */
  executeOne(single: Prepared): Outcome;
  /** Runs several in one commit. The result says for each whether it failed, with SQLite's extended code. */
  execute(batch: readonly Prepared[]): readonly Outcome[];
  /** Told of each commit that took half a millisecond or more, right after it. */
  afterSlow?(serviceMs: number): void;
}

export interface Prepared {
  readonly k: number;
  readonly type: number;
  readonly parameters: unknown;
}

export interface Outcome {
  readonly errorCode?: string;
  readonly retriesByCode?: Readonly<Record<string, number>>;
}

interface PhaseBase {
  /** Start on the client's own clock. */
  readonly epochMs: number;
  readonly durationMs: number;
  /** Transactions per commit. */
  readonly groupSize: number;
}

export interface ClosedPhase extends PhaseBase {
  readonly loop: 'closed';
  /** First transaction number of this client and the distance to the next. */
  readonly first: number;
  readonly step: number;
  /** How many this client runs; without it the phase ends with its duration. */
  readonly limit?: number;
  /** Pause after a transaction, by type. */
  readonly thinkMs: readonly number[];
}

export interface OpenPhase extends PhaseBase {
  readonly loop: 'open';
  readonly arrivals: Iterable<Arrival>;
  /** Mean gap of this client's arrivals; decides whether the wait ends in a spin. */
  readonly meanGapMs: number;
  readonly dropAfterMs?: number;
  /** How long after the end arrivals that were due are still run. */
  readonly drainMs: number;
}

export type Phase = ClosedPhase | OpenPhase;

export interface PhaseResult {
  readonly tallies: readonly TransactionTally[];
  readonly schedule: ScheduleCounts;
  /** Start minus intended start; empty in closed loop. */
  readonly lateness: LatencyHistogram;
  /** Numbers of the transactions that were run are first, first + step, ... below this count, but for the dropped. */
  readonly attempted: number;
  readonly droppedNumbers: readonly number[];
  /** Clock when the last transaction ended. */
  readonly endedMs: number;
  readonly complete: boolean;
}

/** Longest time between two turns of the event loop. */
const turnEveryMs = 100;
/** An arrival that starts this much behind its time is counted as late. */
const lateMs = 1;
/** A commit that takes this long may have run a checkpoint. */
const slowMs = 0.5;
/** Transactions of a closed loop that are drawn together. */
const drawnAhead = 16;
/** Dropped numbers that are remembered, for the hash over executed transactions. */
const rememberedDrops = 1_000_000;

/** State of one phase while it runs; the client reads its tallies for snapshots at every turn. */
export class PhaseRun {
  readonly tallies: TransactionTally[];
  readonly schedule = noSchedule();
  readonly lateness = new LatencyHistogram();
  /** All types together since the last snapshot. */
  readonly interval = {
    service: new LatencyHistogram(),
    response: new LatencyHistogram(),
    failed: 0,
    late: 0,
    dropped: 0,
  };
  readonly #phase: Phase;
  readonly #work: Work;
  readonly #ports: DriverPorts;
  readonly #pacer: Pacer;
  readonly #dropped: number[] = [];
  #attempted = 0;
  #nextTurnMs = 0;
  #stopped = false;

  constructor(phase: Phase, work: Work, ports: DriverPorts) {
    this.#phase = phase;
    this.#work = work;
    this.#ports = ports;
    this.#pacer = new Pacer(ports);
    this.tallies = Array.from({ length: work.types }, () => new TransactionTally());
  }

  /** Ends the phase after the transaction that runs; the result is marked incomplete. */
  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<PhaseResult> {
    await this.#sleepUntil(this.#phase.epochMs);
    this.#nextTurnMs = this.#ports.now() + turnEveryMs;
    if (this.#phase.loop === 'closed') await this.#closed(this.#phase);
    else await this.#open(this.#phase);
    return {
      tallies: this.tallies,
      schedule: this.schedule,
      lateness: this.lateness,
      attempted: this.#attempted,
      droppedNumbers: this.#dropped,
      endedMs: this.#ports.now(),
      complete: !this.#stopped,
    };
  }

  async #closed(phase: ClosedPhase): Promise<void> {
    const endMs = phase.epochMs + phase.durationMs;
    while (!this.#stopped && this.#attempted < (phase.limit ?? Number.POSITIVE_INFINITY)) {
      // The single transaction is the common case and the short one.
      const last = phase.groupSize === 1 ? this.#runOneByOne(phase, endMs) : this.#runGroup(phase, endMs);
      if (last === undefined) return;
      const think = phase.thinkMs[last.type] ?? 0;
      if (think > 0) await this.#sleepUntil(Math.min(endMs, last.endedMs + think));
      else if (last.endedMs >= this.#nextTurnMs) await this.#turn();
    }
  }

  /**
   * Runs transactions drawn beforehand back to back, until one asks for a pause or a turn is due: the end of one is the
   * start of the next, because a second look at the clock would cost 2 % of a point read. Undefined when the time is up.
   */
  #runOneByOne(phase: ClosedPhase, endMs: number): { readonly type: number; readonly endedMs: number } | undefined {
    const left = (phase.limit ?? Number.POSITIVE_INFINITY) - this.#attempted;
    const drawn = this.#prepareBatch(phase, Math.min(drawnAhead, left));
    let startMs = this.#ports.now();
    let type = 0;
    for (const single of drawn) {
      if (startMs >= endMs) return undefined;
      this.#attempted += 1;
      startMs = this.#executeOne(single, startMs, undefined);
      type = single.type;
      if (this.#stopped || startMs >= this.#nextTurnMs || (phase.thinkMs[type] ?? 0) > 0) break;
    }
    return { type, endedMs: startMs };
  }

  #runGroup(phase: ClosedPhase, endMs: number): { readonly type: number; readonly endedMs: number } | undefined {
    const left = (phase.limit ?? Number.POSITIVE_INFINITY) - this.#attempted;
    const batch = this.#prepareBatch(phase, Math.min(phase.groupSize, left));
    const startMs = this.#ports.now();
    if (startMs >= endMs) return undefined;
    this.#attempted += batch.length;
    return { type: batch[0]?.type ?? 0, endedMs: this.#execute(batch, startMs, undefined) };
  }

  #prepareBatch(phase: ClosedPhase, size: number): Prepared[] {
    const batch: Prepared[] = [];
    for (let index = 0; index < size; index++) {
      batch.push(this.#prepare(phase.first + (this.#attempted + index) * phase.step));
    }
    return batch;
  }

  async #open(phase: OpenPhase): Promise<void> {
    const spin = spinsFor(phase.meanGapMs);
    const drainedMs = phase.epochMs + phase.durationMs + phase.drainMs;
    const iterator = phase.arrivals[Symbol.iterator]();
    let next = iterator.next();
    while (next.done !== true) {
      const batch: Prepared[] = [];
      const due: number[] = [];
      await this.#waitFor(phase.epochMs + next.value.dueMs, spin);
      const startMs = this.#ports.now();
      // What a stopped run was behind with counts: it would look as if the rate had been held.
      if (this.#stopped) return this.#leaveUnfinished(iterator, next.value, startMs - phase.epochMs);
      if (startMs > drainedMs) return this.#leaveUnfinished(iterator, next.value, Number.POSITIVE_INFINITY);
      do {
        const dueMs = phase.epochMs + next.value.dueMs;
        this.schedule.scheduled += 1;
        if (this.#accept(next.value.k, startMs - dueMs, phase)) {
          batch.push(this.#prepare(next.value.k));
          due.push(dueMs);
        }
        next = iterator.next();
      } while (next.done !== true && batch.length < phase.groupSize && phase.epochMs + next.value.dueMs <= startMs);
      if (batch.length === 0) continue;
      const [single] = batch;
      const endedMs =
        batch.length === 1 && single !== undefined
          ? this.#executeOne(single, this.#ports.now(), due[0])
          : this.#execute(batch, this.#ports.now(), due);
      if (endedMs >= this.#nextTurnMs) await this.#turn();
    }
  }

  /** Counts lateness; false when the arrival is given up. */
  #accept(k: number, lateness: number, phase: OpenPhase): boolean {
    this.#attempted += 1;
    this.lateness.record(Math.max(0, lateness) * 1e6);
    if (lateness > lateMs) {
      this.schedule.late += 1;
      this.interval.late += 1;
    }
    if (phase.dropAfterMs === undefined || lateness <= phase.dropAfterMs) return true;
    this.schedule.dropped += 1;
    this.interval.dropped += 1;
    if (this.#dropped.length < rememberedDrops) this.#dropped.push(k);
    return false;
  }

  /** Counts the arrivals from this one on that were due by then. */
  #leaveUnfinished(iterator: Iterator<Arrival>, first: Arrival, untilMs: number): void {
    for (let next: IteratorResult<Arrival> = { value: first }; next.done !== true; next = iterator.next()) {
      if (next.value.dueMs > untilMs) return;
      this.schedule.scheduled += 1;
      this.schedule.unfinished += 1;
    }
  }

  #prepare(k: number): Prepared {
    const type = this.#work.typeOf(k);
    return { k, type, parameters: this.#work.prepare(k, type) };
  }

  #executeOne(single: Prepared, startMs: number, dueMs: number | undefined): number {
    const outcome = this.#work.executeOne(single);
    const endedMs = this.#ports.now();
    if (endedMs - startMs >= slowMs) this.#work.afterSlow?.(endedMs - startMs);
    this.#record(single.type, outcome, endedMs - startMs, dueMs === undefined ? undefined : endedMs - dueMs);
    return endedMs;
  }

  #execute(batch: readonly Prepared[], startMs: number, due: readonly number[] | undefined): number {
    const outcomes = this.#work.execute(batch);
    const endedMs = this.#ports.now();
    if (endedMs - startMs >= slowMs) this.#work.afterSlow?.(endedMs - startMs);
    for (let index = 0; index < batch.length; index++) {
      const { type } = batch[index] as Prepared;
      const dueMs = due?.[index];
      const outcome = outcomes[index] as Outcome;
      this.#record(type, outcome, endedMs - startMs, dueMs === undefined ? undefined : endedMs - dueMs);
    }
    return endedMs;
  }

  #record(type: number, outcome: Outcome, serviceMs: number, responseMs: number | undefined): void {
    const tally = this.tallies[type] as TransactionTally;
    const serviceNs = serviceMs * 1e6;
    if (outcome.retriesByCode !== undefined) addCounts(tally.retriesByCode, outcome.retriesByCode);
    if (outcome.errorCode !== undefined) {
      tally.errorsByCode[outcome.errorCode] = (tally.errorsByCode[outcome.errorCode] ?? 0) + 1;
      tally.failed.record(serviceNs);
      this.interval.failed += 1;
      return;
    }
    tally.service.record(serviceNs);
    this.interval.service.record(serviceNs);
    if (responseMs === undefined) return;
    const responseNs = responseMs * 1e6;
    tally.response.record(responseNs);
    this.interval.response.record(responseNs);
  }

  /** Waits for an arrival; a long wait is cut into pieces so that messages are still heard. */
  async #waitFor(dueMs: number, spin: boolean): Promise<void> {
    for (;;) {
      const now = this.#ports.now();
      if (now >= dueMs || this.#stopped) return;
      // Before a gap that is long enough the turn costs nothing.
      if (now >= this.#nextTurnMs - turnEveryMs / 2 && dueMs - now > 2) await this.#turn();
      const untilMs = Math.min(dueMs, this.#nextTurnMs);
      this.#pacer.waitUntil(untilMs, spin && untilMs === dueMs);
      if (untilMs !== dueMs) await this.#turn();
    }
  }

  async #sleepUntil(untilMs: number): Promise<void> {
    for (let now = this.#ports.now(); now < untilMs && !this.#stopped; now = this.#ports.now()) {
      this.#ports.sleepSync(Math.min(untilMs - now, turnEveryMs));
      if (this.#ports.now() >= this.#nextTurnMs) await this.#turn();
    }
  }

  async #turn(): Promise<void> {
    await this.#ports.turn();
    this.#nextTurnMs = this.#ports.now() + turnEveryMs;
  }
}
