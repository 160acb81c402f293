import { type HistogramData, LatencyHistogram } from '../../statistics/latency-histogram.ts';

/** What happened to the transactions of one type in one phase. */
export class TransactionTally {
  /** Start to end, retries inside; successes only. */
  readonly service = new LatencyHistogram();
  /** Intended start to end; open loop only. */
  readonly response = new LatencyHistogram();
  readonly failed = new LatencyHistogram();
  readonly errorsByCode: Record<string, number> = {};
  readonly retriesByCode: Record<string, number> = {};

  merge(other: TransactionTally): void {
    this.service.merge(other.service);
    this.response.merge(other.response);
    this.failed.merge(other.failed);
    addCounts(this.errorsByCode, other.errorsByCode);
    addCounts(this.retriesByCode, other.retriesByCode);
  }

  toJSON(): TransactionTallyJson {
    return {
      service: this.service.toJSON(),
      response: this.response.toJSON(),
      failed: this.failed.toJSON(),
      errorsByCode: this.errorsByCode,
      retriesByCode: this.retriesByCode,
    };
  }

  static fromJSON(json: TransactionTallyJson): TransactionTally {
    const tally = new TransactionTally();
    tally.service.merge(LatencyHistogram.fromJSON(json.service));
    tally.response.merge(LatencyHistogram.fromJSON(json.response));
    tally.failed.merge(LatencyHistogram.fromJSON(json.failed));
    addCounts(tally.errorsByCode, json.errorsByCode);
    addCounts(tally.retriesByCode, json.retriesByCode);
    return tally;
  }
}

export interface TransactionTallyJson {
  readonly service: HistogramData;
  readonly response: HistogramData;
  readonly failed: HistogramData;
  readonly errorsByCode: Readonly<Record<string, number>>;
  readonly retriesByCode: Readonly<Record<string, number>>;
}

/** Counts of the schedule: how well the client kept to it. */
export interface ScheduleCounts {
  /** Arrivals whose time came. */
  scheduled: number;
  /** Started more than a millisecond after their time. */
  late: number;
  /** Given up because they were too late (only when asked for). */
  dropped: number;
  /** Due before the end but not run within the drain time. */
  unfinished: number;
}

export function noSchedule(): ScheduleCounts {
  return { scheduled: 0, late: 0, dropped: 0, unfinished: 0 };
}

export function addSchedule(into: ScheduleCounts, other: ScheduleCounts): void {
  into.scheduled += other.scheduled;
  into.late += other.late;
  into.dropped += other.dropped;
  into.unfinished += other.unfinished;
}

export function addCounts(into: Record<string, number>, other: Readonly<Record<string, number>>): void {
  for (const [code, count] of Object.entries(other)) into[code] = (into[code] ?? 0) + count;
}

export function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
