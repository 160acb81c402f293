import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { describeEnvironment, type Environment, type MachineFacts, probeFdatasync } from '../environment.ts';
import { Scratch } from '../scratch.ts';
import { DurabilityBench, type DurabilityRequest } from './bench.ts';
import type { DurabilityMethod, MethodData } from './contract.ts';
import { type KillOptions, runKills } from './kill.ts';
import { canLogWrites, compileWriteLog, type PowerOptions, runPowerCuts } from './power-loss.ts';
import { runWalTears } from './wal-tear.ts';

export interface RunDurabilityRequest extends DurabilityRequest {
  readonly scratchParent: string;
  readonly machine: MachineFacts;
  readonly platform: string;
  /** `default`: kill, and the better of write-log and wal-tear that this machine can do. */
  readonly method: DurabilityMethod | 'all' | 'default';
  readonly control: boolean;
  readonly keep: boolean;
  /** For the tests of the instrument. */
  readonly sabotage?: KillOptions & PowerOptions;
}

export interface DurabilityData {
  readonly methods: readonly MethodData[];
  /** The run with synchronous OFF, which must be convicted; null when it was not made. */
  readonly control: ControlData | null;
  readonly seed: number;
  readonly writers: number;
  readonly groupSize: number;
  /** `instrument-broken`: OFF was not convicted, so that nothing is proved. `incomplete`: only wal-tear was possible. */
  readonly verdict: 'ok' | 'broken' | 'instrument-broken' | 'incomplete';
  readonly environment: Environment;
}

export interface ControlData {
  readonly synchronous: 'off';
  readonly cuts: number;
  readonly convicted: boolean;
  readonly lost: number;
  readonly partial: number;
  readonly corrupt: number;
  readonly unopenable: number;
}

/** Crashes writers in every way that this machine can, and checks that nothing acknowledged is gone. */
export async function runDurability(request: RunDurabilityRequest, context: OperationContext): Promise<DurabilityData> {
  const methods = await chooseMethods(request);
  const scratch = new Scratch(request.scratchParent, request.runId);
  if (request.keep) scratch.keep();
  const loadAverageBefore = request.machine.loadAverage();
  const bench = new DurabilityBench(scratch, request, context);
  try {
    const fdatasyncUs = probeFdatasync(scratch.folder, context.clock);
    const { connection, node } = await bench.create();
    const { results, control } = await runMethods(bench, methods, request);
    return {
      methods: results,
      control,
      seed: request.seed,
      writers: request.writers,
      groupSize: request.groupSize,
      verdict: verdictOf(results, control),
      environment: describeEnvironment(request.machine, {
        fdatasyncUs,
        loadAverageBefore,
        folder: scratch.folder,
        clients: { connections: [connection], node },
      }),
    };
  } finally {
    await bench.end();
    scratch.remove();
  }
}

async function chooseMethods(request: RunDurabilityRequest): Promise<DurabilityMethod[]> {
  const { method, platform } = request;
  if (method === 'kill' || method === 'wal-tear') return [method];
  const canLog = await canLogWrites(platform);
  if (method === 'default') return ['kill', canLog ? 'write-log' : 'wal-tear'];
  if (!canLog) {
    throw new TradedbError('unsupported', 'write-log needs Linux and a C compiler (cc)', {
      hint: 'leave --method out: it then does what this machine can do',
    });
  }
  return method === 'all' ? ['kill', 'write-log', 'wal-tear'] : [method];
}

async function runMethods(
  bench: DurabilityBench,
  methods: readonly DurabilityMethod[],
  request: RunDurabilityRequest,
): Promise<{ results: MethodData[]; control: ControlData | null }> {
  const results: MethodData[] = [];
  let control: ControlData | null = null;
  if (methods.includes('kill')) results.push(await runKills(bench, request.sabotage));
  if (methods.includes('write-log')) {
    const library = await compileWriteLog(bench.scratch.folder);
    results.push(await runPowerCuts(bench, library, request.synchronous, request.sabotage));
    if (request.control) control = controlOf(await runPowerCuts(bench, library, 'off'));
  }
  if (methods.includes('wal-tear')) results.push(await runWalTears(bench));
  return { results, control };
}

function controlOf(off: MethodData): ControlData {
  const { cuts, lost, partial, corrupt, unopenable } = off;
  return {
    synchronous: 'off',
    cuts,
    convicted: off.verdict === 'broken' || lost > 0,
    lost,
    partial,
    corrupt,
    unopenable,
  };
}

function verdictOf(results: readonly MethodData[], control: ControlData | null): DurabilityData['verdict'] {
  if (results.some((result) => result.verdict === 'broken')) return 'broken';
  if (control?.convicted === false) return 'instrument-broken';
  return results.some((result) => result.method !== 'wal-tear') ? 'ok' : 'incomplete';
}
