import { LatencyHistogram } from '../../statistics/latency-histogram.ts';
import type { ClientResources, PhaseDone, StatementTime } from '../child/protocol.ts';
import { addSchedule, noSchedule, type ScheduleCounts, TransactionTally } from './tally.ts';

/** One phase of all clients together. */
export interface LoadResult {
  readonly complete: boolean;
  /** From the epoch to the end of the slowest client. */
  readonly elapsedMs: number;
  /** By type, in the order of the scenario. */
  readonly transactions: readonly TransactionTally[];
  readonly schedule: ScheduleCounts;
  readonly lateness: LatencyHistogram;
  readonly statements: readonly {
    readonly type: number;
    readonly statement: number;
    readonly time: LatencyHistogram;
  }[];
  /** Transactions whose commit ran a checkpoint. */
  readonly checkpointStalls: LatencyHistogram;
  readonly resources: ClientResources;
  /** Per client: how many transactions it ran or dropped, and which it dropped. */
  readonly executed: readonly { readonly attempted: number; readonly dropped: readonly number[] }[];
}

export function mergePhases(parts: readonly PhaseDone[], types: number): LoadResult {
  const transactions = Array.from({ length: types }, () => new TransactionTally());
  const schedule = noSchedule();
  const lateness = new LatencyHistogram();
  const checkpointStalls = new LatencyHistogram();
  for (const part of parts) {
    for (const [type, json] of part.transactions.entries()) transactions[type]?.merge(TransactionTally.fromJSON(json));
    addSchedule(schedule, part.schedule);
    lateness.merge(LatencyHistogram.fromJSON(part.lateness));
    checkpointStalls.merge(LatencyHistogram.fromJSON(part.checkpointStalls));
  }
  return {
    complete: parts.every((part) => part.complete),
    elapsedMs: Math.max(0, ...parts.map((part) => part.elapsedMs)),
    transactions,
    schedule,
    lateness,
    checkpointStalls,
    statements: mergeStatements(parts.flatMap((part) => part.statements)),
    resources: sumResources(parts.map((part) => part.resources)),
    executed: parts.map((part) => ({ attempted: part.attempted, dropped: part.droppedNumbers })),
  };
}

function mergeStatements(times: readonly StatementTime[]): LoadResult['statements'] {
  const merged = new Map<string, { type: number; statement: number; time: LatencyHistogram }>();
  for (const { type, statement, time } of times) {
    const key = `${type}:${statement}`;
    const entry = merged.get(key) ?? { type, statement, time: new LatencyHistogram() };
    entry.time.merge(LatencyHistogram.fromJSON(time));
    merged.set(key, entry);
  }
  return [...merged.values()].sort((a, b) => a.type - b.type || a.statement - b.statement);
}

function sumResources(parts: readonly ClientResources[]): ClientResources {
  const sum = (of: (part: ClientResources) => number): number => parts.reduce((total, part) => total + of(part), 0);
  return {
    cpuUserMs: sum((part) => part.cpuUserMs),
    cpuSystemMs: sum((part) => part.cpuSystemMs),
    voluntarySwitches: sum((part) => part.voluntarySwitches),
    involuntarySwitches: sum((part) => part.involuntarySwitches),
    readBytes: sum((part) => part.readBytes),
    writeBytes: sum((part) => part.writeBytes),
    maxRssBytes: Math.max(0, ...parts.map((part) => part.maxRssBytes)),
    gcPauseMs: sum((part) => part.gcPauseMs),
  };
}

/** All types of a view together. */
export function mergedView(
  transactions: readonly TransactionTally[],
  view: 'service' | 'response' | 'failed',
): LatencyHistogram {
  const all = new LatencyHistogram();
  for (const tally of transactions) all.merge(tally[view]);
  return all;
}
