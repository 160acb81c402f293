import { join } from 'node:path';
import type { HealthRequest } from '../../src/core/health/request.ts';
import { type HealthResult, runHealth } from '../../src/core/health/run-health.ts';
import type { ThresholdSet } from '../../src/core/health/threshold.ts';
import { testContext } from './context.ts';

const thresholds: ThresholdSet = {
  'wal.backlog': { warning: 64e6, critical: 512e6, direction: 'above', unit: 'bytes' },
  'wal.reader': { warning: 1000, critical: 60_000, direction: 'above', unit: 'ms' },
  'lock.contention': { warning: 5000, critical: 60_000, direction: 'above', unit: 'ms' },
  'backup.age': { warning: 26 * 3.6e6, critical: 50 * 3.6e6, direction: 'above', unit: 'ms' },
  'backup.verified': { warning: 8 * 86.4e6, critical: 32 * 86.4e6, direction: 'above', unit: 'ms' },
  'backup.drill': { warning: 32 * 86.4e6, critical: 93 * 86.4e6, direction: 'above', unit: 'ms' },
  'file.space': { warning: 0, critical: 0, direction: 'below', unit: 'bytes' },
  'freelist.share': { warning: 0.2, critical: 0.5, direction: 'above', unit: 'share' },
  'database.size': { warning: 20e9, critical: 50e9, direction: 'above', unit: 'bytes' },
};

export function healthRequest(folder: string, path: string, parts: Partial<HealthRequest> = {}): HealthRequest {
  return {
    path,
    tier: 'quick',
    only: [],
    skip: [],
    timeoutMs: undefined,
    longTimeoutMs: 60_000,
    scanBudgetMs: 0,
    copyLimitBytes: 1e9,
    deepOn: 'copy',
    busyTimeoutMs: 1000,
    temporaryDirectory: folder,
    keepState: true,
    stateDirectory: join(folder, 'state'),
    thresholds,
    schedule: { dailyMs: 86_400_000, deepMs: 604_800_000 },
    facts: {},
    rules: async () => [],
    ...parts,
  };
}

export function checkHealth(folder: string, path: string, parts: Partial<HealthRequest> = {}): Promise<HealthResult> {
  return runHealth(healthRequest(folder, path, parts), testContext());
}

/** Ids of the checks with this status. */
export function idsWith({ data }: HealthResult, status: string): string[] {
  return data.checks.filter((row) => row.status === status).map(({ id }) => id);
}
