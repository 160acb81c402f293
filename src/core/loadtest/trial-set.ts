import { statSync } from 'node:fs';
import type { OperationContext } from '../context.ts';
import { throwIfCancelled } from '../error.ts';
import { requireDatabaseFile } from '../sqlite/connection.ts';
import type { PragmaProfile } from '../sqlite/pragma-profile.ts';
import { describeEnvironment, type Environment, type MachineFacts, probeFdatasync } from './environment.ts';
import type { LoadPlan } from './plan.ts';
import { hashFile, prepare } from './prepare.ts';
import type { TargetData } from './result/run-data.ts';
import { resolveScenarios } from './scenario/resolve.ts';
import { Scratch } from './scratch.ts';
import { runTrial, type TrialResult } from './trial.ts';

export interface TrialSetRequest {
  readonly runId: string;
  readonly plan: LoadPlan;
  readonly profile: PragmaProfile;
  /** The database to copy; undefined makes a sample. */
  readonly source?: string;
  readonly scratchParent: string;
  readonly keep: boolean;
  readonly machine: MachineFacts;
}

/** Files that are alive at a time: the base, and two trials of a pair. */
const copies = 3;

/** One base file and any number of trials that each start from a fresh copy of it. */
export class TrialSet {
  readonly scratch: Scratch;
  readonly target: TargetData;
  readonly names: readonly string[];
  readonly #request: TrialSetRequest;
  readonly #context: OperationContext;
  readonly #fdatasyncUs: Environment['fdatasyncUs'];
  readonly #loadAverageBefore: Environment['loadAverageBefore'];
  #clients: Pick<TrialResult, 'connections' | 'node'> = { connections: [], node: '' };
  #trials = 0;

  constructor(parts: {
    readonly scratch: Scratch;
    readonly target: TargetData;
    readonly names: readonly string[];
    readonly request: TrialSetRequest;
    readonly context: OperationContext;
    readonly fdatasyncUs: Environment['fdatasyncUs'];
    readonly loadAverageBefore: Environment['loadAverageBefore'];
  }) {
    this.scratch = parts.scratch;
    this.target = parts.target;
    this.names = parts.names;
    this.#request = parts.request;
    this.#context = parts.context;
    this.#fdatasyncUs = parts.fdatasyncUs;
    this.#loadAverageBefore = parts.loadAverageBefore;
  }

  /** Loads a fresh copy, which is removed afterwards. Throws `cancelled` when the trial was cut short. */
  async run(plan: LoadPlan, profile = this.#request.profile): Promise<TrialResult> {
    this.#trials += 1;
    const number = this.#trials;
    const path = this.scratch.copyBase(number);
    try {
      const result = await runTrial(
        { plan, path, runId: `${this.#request.runId}${number}`, profile, names: this.names },
        {
          ...this.#context,
          // Dozens of short trials are one task for the operator; the caller shows it.
          progress: { start: () => ({ advance: () => {}, total: () => {}, done: () => {} }) },
        },
      );
      throwIfCancelled(this.#context.signal);
      this.#clients = result;
      return result;
    } finally {
      this.scratch.removeTrial(number);
    }
  }

  /** Whether anything has told which Node and which settings the clients had. */
  get knowsClients(): boolean {
    return this.#clients.node !== '';
  }

  /** For a trial that another program made. */
  noteClients(clients: Pick<TrialResult, 'connections' | 'node'>): void {
    this.#clients = clients;
  }

  environment(): Environment {
    return describeEnvironment(this.#request.machine, {
      fdatasyncUs: this.#fdatasyncUs,
      loadAverageBefore: this.#loadAverageBefore,
      folder: this.scratch.folder,
      clients: this.#clients,
    });
  }
}

/** Makes the base file, hands it to `work`, and takes everything away again. */
export async function withTrialSet<T>(
  request: TrialSetRequest,
  context: OperationContext,
  work: (set: TrialSet) => Promise<T>,
): Promise<T> {
  const { source, plan } = request;
  if (source !== undefined) requireDatabaseFile(source);
  const scenario = await resolveScenarios(plan.scenarios);
  const scratch = new Scratch(request.scratchParent, request.runId);
  if (request.keep) scratch.keep();
  try {
    scratch.writePlan({ runId: request.runId, source: source ?? null, plan });
    if (source !== undefined) scratch.requireSpace(copies * statSync(source).size);
    const fdatasyncUs = probeFdatasync(scratch.folder, context.clock);
    await prepare(request, scratch.base, source, context);
    const target: TargetData = {
      kind: source === undefined ? 'sample' : 'copy',
      path: source ?? null,
      sizeBytes: statSync(scratch.base).size,
      sha256: await hashFile(scratch.base),
    };
    return await work(
      new TrialSet({
        scratch,
        target,
        names: scenario.transactions.map((transaction) => transaction.name),
        request,
        context,
        fdatasyncUs,
        loadAverageBefore: request.machine.loadAverage(),
      }),
    );
  } finally {
    scratch.remove();
  }
}
