import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../context.ts';
import type { EffectivePragmas } from '../sqlite/pragma-profile.ts';
import { LatencyHistogram } from '../statistics/latency-histogram.ts';

/** What the machine tells; the command hands it in, because core asks no process. */
export interface MachineFacts {
  readonly cpuModel: string;
  readonly cores: number;
  readonly kernel: string;
  readonly tradedb: string;
  loadAverage(): readonly [number, number, number];
  fileSystem(path: string): { readonly type: string; readonly inMemory: boolean };
}

export interface Environment {
  readonly cpuModel: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  readonly tradedb: string;
  readonly loadAverageBefore: readonly [number, number, number];
  readonly loadAverageAfter: readonly [number, number, number];
  readonly fileSystem: { readonly type: string; readonly inMemory: boolean };
  readonly fdatasyncUs: { readonly p50: number; readonly p99: number; readonly samples: number };
  /** Effective settings of each client's connection. */
  readonly connections: readonly EffectivePragmas[];
}

/** The block of the report, once the clients have told theirs. */
export function describeEnvironment(
  machine: MachineFacts,
  parts: {
    readonly fdatasyncUs: Environment['fdatasyncUs'];
    readonly loadAverageBefore: Environment['loadAverageBefore'];
    readonly folder: string;
    readonly clients: { readonly connections: readonly EffectivePragmas[]; readonly node: string };
  },
): Environment {
  const { cpuModel, cores, kernel, tradedb } = machine;
  return {
    cpuModel,
    cores,
    kernel,
    node: parts.clients.node,
    tradedb,
    loadAverageBefore: parts.loadAverageBefore,
    loadAverageAfter: machine.loadAverage(),
    fileSystem: machine.fileSystem(parts.folder),
    fdatasyncUs: parts.fdatasyncUs,
    connections: parts.clients.connections,
  };
}

const probes = 100;
const longestProbeMs = 1000;

/** Time of a 4 KiB write with fdatasync in the folder that holds the copies: what one FULL commit costs at the least. */
export function probeFdatasync(folder: string, clock: Clock): Environment['fdatasyncUs'] {
  const path = join(folder, 'fdatasync-probe');
  const page = new Uint8Array(4096).fill(1);
  const times = new LatencyHistogram();
  const untilMs = clock.now() + longestProbeMs;
  const file = openSync(path, 'w');
  try {
    for (let index = 0; index < probes && clock.now() < untilMs; index++) {
      writeSync(file, page, 0, page.length, index * page.length);
      const startedMs = clock.now();
      fdatasyncSync(file);
      times.record((clock.now() - startedMs) * 1e6);
    }
  } finally {
    closeSync(file);
    rmSync(path, { force: true });
  }
  return { p50: times.percentileNs(50) / 1000, p99: times.percentileNs(99) / 1000, samples: times.count };
}
