import { statSync } from 'node:fs';
import type { OperationContext } from '../context.ts';
import { requireDatabaseFile } from '../sqlite/connection.ts';
import type { PragmaProfile } from '../sqlite/pragma-profile.ts';
import type { BrokenRule } from './business-rules.ts';
import type { Verification } from './child/protocol.ts';
import { describeEnvironment, type Environment, type MachineFacts, probeFdatasync } from './environment.ts';
import { type LoadPlan, meanRate } from './plan.ts';
import { hashFile, prepare } from './prepare.ts';
import { type LoadResult, mergedView } from './result/load-result.ts';
import { type Measured, valueFor } from './result/measure.ts';
import {
  distributionData,
  type PhaseData,
  pacingData,
  phaseData,
  type RunData,
  statementData,
  type TargetData,
  type ThresholdData,
  transactionData,
  walData,
} from './result/run-data.ts';
import type { SeriesRow } from './result/series.ts';
import { resolveScenarios } from './scenario/resolve.ts';
import type { Scenario } from './scenario/scenario.ts';
import { Scratch } from './scratch.ts';
import { keySpace, StatementStream } from './stream/statement-stream.ts';
import { holds, type Threshold, unitOf } from './threshold.ts';
import { type RunningTotals, runTrial, type TrialResult } from './trial.ts';
import { verify } from './verify.ts';

export interface RunRequest {
  readonly runId: string;
  readonly plan: LoadPlan;
  readonly profile: PragmaProfile;
  /** `copy` never opens the source for writing; `in-place` loads it itself. */
  readonly target: { readonly kind: 'copy' | 'in-place'; readonly path: string } | { readonly kind: 'sample' };
  /** Folder in which the scratch folder is made. */
  readonly scratchParent: string;
  readonly keep: boolean;
  readonly thresholds: readonly Threshold[];
  /** Ends the run when a threshold is crossed after this time. */
  readonly abortAfterMs?: number;
  readonly histograms: boolean;
  readonly machine: MachineFacts;
  readonly onRow?: (row: SeriesRow) => void;
}

/** Makes the copy, loads it, checks it, judges it, and takes the copy away again. */
export async function runLoadTest(request: RunRequest, context: OperationContext): Promise<RunData> {
  const { plan, target } = request;
  if (target.kind !== 'sample') requireDatabaseFile(target.path);
  const scenario = await resolveScenarios(plan.scenarios);
  const scratch = new Scratch(request.scratchParent, request.runId);
  if (request.keep) scratch.keep();
  try {
    scratch.writePlan({ runId: request.runId, target, plan });
    const fdatasyncUs = probeFdatasync(scratch.folder, context.clock);
    const loadAverageBefore = request.machine.loadAverage();
    const base = await makeTarget(request, scratch, context);
    const trial = await runTrial(trialRequest(request, scenario, base.path), context);
    const verification = context.signal.aborted ? null : await verify(base.path, verifyOptions(plan, base), context);
    const environment = describeEnvironment(request.machine, {
      fdatasyncUs,
      loadAverageBefore,
      folder: scratch.folder,
      clients: trial,
    });
    return assemble({ request, scenario, target: base.target, trial, verification, environment, scratch });
  } finally {
    scratch.remove();
  }
}

function trialRequest(request: RunRequest, scenario: Scenario, path: string): Parameters<typeof runTrial>[0] {
  const { plan, runId, profile, onRow, abortAfterMs } = request;
  const names = scenario.transactions.map((transaction) => transaction.name);
  const judge = (soFar: RunningTotals): boolean =>
    soFar.elapsedMs >= (abortAfterMs ?? 0) &&
    request.thresholds.some((threshold) => isCrossed(threshold, soFar, names, plan));
  return {
    plan,
    path,
    runId,
    profile,
    names,
    ...(onRow === undefined ? {} : { onRow }),
    ...(abortAfterMs === undefined ? {} : { shouldAbort: judge }),
  };
}

/** Only what can be told before the end: a CPU figure and the achieved rate come with the end alone. */
function isCrossed(threshold: Threshold, soFar: RunningTotals, names: readonly string[], plan: LoadPlan): boolean {
  if (threshold.metric.kind === 'rate.achieved') return false;
  const value = valueFor(threshold, { ...soFar, names, loop: plan.load.loop });
  return value !== undefined && !holds(threshold, value);
}

interface Target {
  readonly path: string;
  readonly target: TargetData;
  readonly brokenBefore: readonly BrokenRule[];
}

function verifyOptions(plan: LoadPlan, { brokenBefore }: Target): Parameters<typeof verify>[1] {
  return { busyTimeoutMs: plan.busyTimeoutMs, brokenBefore, scenarios: plan.scenarios };
}

async function makeTarget(request: RunRequest, scratch: Scratch, context: OperationContext): Promise<Target> {
  const { target } = request;
  if (target.kind === 'in-place') {
    const { size } = statSync(target.path);
    const data = { kind: 'in-place', path: target.path, sizeBytes: size, sha256: null } as const;
    return { path: target.path, target: data, brokenBefore: [] };
  }
  const source = target.kind === 'copy' ? target.path : undefined;
  if (source !== undefined) {
    const wal = statSync(`${source}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    scratch.requireSpace(statSync(source).size + wal);
  }
  const brokenBefore = await prepare(request, scratch.base, source, context);
  const { size } = statSync(scratch.base);
  const sha256 = await hashFile(scratch.base);
  return {
    path: scratch.takeBase(),
    target: { kind: target.kind, path: source ?? null, sizeBytes: size, sha256 },
    brokenBefore,
  };
}

interface Assembly {
  readonly request: RunRequest;
  readonly scenario: Scenario;
  readonly target: TargetData;
  readonly trial: TrialResult;
  readonly verification: Verification | null;
  readonly environment: Environment;
  readonly scratch: Scratch;
}

function assemble(parts: Assembly): RunData {
  const { request, scenario, trial } = parts;
  const { plan } = request;
  const { loop } = plan.load;
  const stream = new StatementStream(scenario, plan.seed);
  const load = trial.measured;
  const rate = meanRate(plan.load);
  const view = loop === 'open' ? 'response' : 'service';
  const phases: PhaseData[] = [];
  if (trial.warmup !== undefined) phases.push(phaseData('warmup', trial.warmup));
  if (load !== undefined) phases.push(phaseData('measure', load));
  const cpuMs = load === undefined ? 0 : load.resources.cpuUserMs + load.resources.cpuSystemMs;
  const attempted = phases.find((phase) => phase.name === 'measure');
  const measuredCount = (attempted?.count ?? 0) + (attempted?.failed ?? 0);
  return {
    runId: request.runId,
    scenario: scenario.name,
    seed: plan.seed,
    streamHash: stream.streamHash(),
    executedHash: executedHash(stream, plan, load),
    complete: trial.complete,
    aborted: trial.aborted,
    loop,
    arrivals: plan.load.loop === 'open' ? plan.load.arrivals.kind : null,
    clients: plan.clients,
    groupSize: plan.groupSize,
    target: parts.target,
    phases,
    transactions: load === undefined ? [] : transactionData(scenario, load, { loop, histograms: request.histograms }),
    statements: load === undefined ? [] : statementData(scenario, load),
    pacing: load === undefined || rate === undefined ? null : pacingData(load, plannedMs(plan), rate),
    resources: {
      ...(load?.resources ?? noResources),
      cpuPerTransactionUs: measuredCount === 0 ? null : (cpuMs * 1000) / measuredCount,
    },
    wal: walData(trial.wal, load?.checkpointStalls),
    backgroundReaders: trial.backgroundReaders ?? null,
    thresholds: load === undefined ? [] : judge(request.thresholds, { ...measuredOf(parts, load), cpuMs }),
    distribution: distributionData(mergedView(load?.transactions ?? [], view), view),
    series: trial.series,
    verification: parts.verification,
    environment: parts.environment,
    scratchFolder: request.keep ? parts.scratch.folder : null,
  };
}

function plannedMs(plan: LoadPlan): number {
  return plan.load.transactions === undefined ? plan.load.durationMs : 0;
}

function measuredOf({ request, scenario, trial }: Assembly, load: LoadResult): Measured {
  return {
    loop: request.plan.load.loop,
    names: scenario.transactions.map((transaction) => transaction.name),
    transactions: load.transactions,
    schedule: load.schedule,
    elapsedMs: load.elapsedMs,
    walMaxBytes: trial.wal.maxBytes,
  };
}

function judge(thresholds: readonly Threshold[], measured: Measured): ThresholdData[] {
  return thresholds.map((threshold) => {
    const actual = valueFor(threshold, measured);
    return {
      expression: threshold.expression,
      unit: unitOf(threshold.metric),
      actual: actual ?? null,
      limit: threshold.limit,
      passed: holds(threshold, actual),
    };
  });
}

/** Only with a given number of transactions is the executed set the same for any number of clients. */
function executedHash(stream: StatementStream, plan: LoadPlan, load: LoadResult | undefined): string | null {
  if (plan.load.transactions === undefined || load === undefined) return null;
  const dropped = new Set(load.executed.flatMap((client) => client.dropped));
  function* numbers(): Generator<number, void, undefined> {
    for (const [client, { attempted }] of load?.executed.entries() ?? []) {
      for (let index = 0; index < attempted; index++) {
        const k = keySpace.measured + client + index * plan.clients;
        if (!dropped.has(k)) yield k;
      }
    }
  }
  return stream.executedHash(numbers());
}

const noResources = {
  cpuUserMs: 0,
  cpuSystemMs: 0,
  voluntarySwitches: 0,
  involuntarySwitches: 0,
  readBytes: 0,
  writeBytes: 0,
  maxRssBytes: 0,
  gcPauseMs: 0,
};
