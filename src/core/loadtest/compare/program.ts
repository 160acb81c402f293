import { fork } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { fromFileSystem, TradedbError, throwIfCancelled } from '../../error.ts';
import type { PragmaProfile } from '../../sqlite/pragma-profile.ts';
import { type HistogramData, LatencyHistogram } from '../../statistics/latency-histogram.ts';
import type { Environment } from '../environment.ts';
import type { LoadPlan } from '../plan.ts';

/**
 * Another version of tradedb as one side of a comparison. It is asked through its command line and answers with its JSON
 * report, because that is the contract that holds between versions; the messages between processes are none.
 */
export interface Program {
  readonly launcher: string;
  readonly version: string;
}

/** Finds the launcher of a version: the file itself, or the folder of its package. */
export function findProgram(path: string): Program {
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  const launcher = isFolder ? join(path, 'bin', 'tradedb.js') : path;
  const manifest = join(dirname(launcher), '..', 'package.json');
  if (existsSync(launcher) && existsSync(manifest)) {
    const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: unknown; version?: unknown };
    if (name === 'tradedb' && typeof version === 'string') return { launcher, version };
  }
  throw new TradedbError('usage', `${JSON.stringify(path)} is no version of tradedb`, {
    hint: 'name its folder, or bin/tradedb.js in it, such as: npm install --prefix old tradedb@1.0.0, then old/node_modules/tradedb',
  });
}

export interface ProgramRun {
  readonly program: Program;
  readonly plan: LoadPlan;
  readonly profile: PragmaProfile;
  /** As the command line takes them; files by their absolute paths. */
  readonly scenarios: readonly string[];
  /** The base file; the program copies it by itself. */
  readonly base: string;
  /** Folder for its configuration and its copy. */
  readonly folder: string;
  /** How much it runs: `--transactions <n>`, or `--duration <time>`. */
  readonly amount: readonly [option: string, value: string];
}

/** What is read of the report; fields are only ever added to it. */
interface ReportOfRun {
  readonly data: {
    readonly phases: readonly { readonly name: string; readonly durationMs: number }[];
    readonly resources: { readonly cpuUserMs: number; readonly cpuSystemMs: number };
    readonly transactions: readonly { readonly histograms: { readonly service: HistogramData } }[];
    readonly environment: Pick<Environment, 'node' | 'connections'>;
  };
}

/** What a slice is judged by. */
export interface ProgramResult {
  readonly count: number;
  readonly elapsedMs: number;
  readonly cpuMs: number;
  readonly service: LatencyHistogram;
  readonly environment: Pick<Environment, 'node' | 'connections'>;
}

/** Runs one slice in the program. */
export async function runProgram(run: ProgramRun, context: OperationContext): Promise<ProgramResult> {
  const { plan, program, folder } = run;
  const config = join(folder, 'program.config.json');
  writeFileSync(config, JSON.stringify(configOf(run.profile, plan)));
  const words = [
    ...['loadtest', 'run', '--config', config, '--database', run.base, '--scratch-dir', folder],
    ...['--json', '--histograms', '--progress', 'none', '--warmup', '0ms', ...run.amount],
    ...['--seed', String(plan.seed), '--clients', String(plan.clients), '--durability', String(plan.durability)],
    ...['--group-size', String(plan.groupSize)],
    ...run.scenarios.flatMap((scenario) => ['--scenario', scenario]),
    ...plan.pragmas.flatMap(({ name, value }) => ['--pragma', `${name}=${value}`]),
  ];
  const { data } = await ask(program, words, context);
  const service = new LatencyHistogram();
  for (const { histograms } of data.transactions) service.merge(LatencyHistogram.fromJSON(histograms.service));
  const measured = data.phases.find((phase) => phase.name === 'measure');
  return {
    count: service.count,
    elapsedMs: measured?.durationMs ?? 0,
    cpuMs: data.resources.cpuUserMs + data.resources.cpuSystemMs,
    service,
    environment: { node: data.environment.node, connections: data.environment.connections },
  };
}

/** Both versions run with the same settings, not with what each finds in the operator's file. */
function configOf(profile: PragmaProfile, plan: LoadPlan): unknown {
  return {
    connection: {
      busyTimeout: `${plan.busyTimeoutMs}ms`,
      cacheSize: `${profile.cacheSizeBytes}B`,
      mmapSize: `${profile.mmapSizeBytes}B`,
      checkpoint: { ceilingPages: profile.walAutocheckpointPages },
    },
  };
}

async function ask(program: Program, words: readonly string[], context: OperationContext): Promise<ReportOfRun> {
  const child = fork(program.launcher, [...words], { silent: true });
  const onAbort = (): void => void child.kill('SIGTERM');
  context.signal.addEventListener('abort', onAbort, { once: true });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-4000);
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    throwIfCancelled(context.signal);
    // 3 and 4 are judgements of limits, which say nothing about the figures.
    if (code === 0 || code === 3 || code === 4) return JSON.parse(stdout) as ReportOfRun;
    throw new TradedbError('child_failed', `tradedb ${program.version} ended with exit code ${code}`, {
      hint: stderr.trim().split('\n').slice(-3).join(' | '),
    });
  } finally {
    context.signal.removeEventListener('abort', onAbort);
  }
}
