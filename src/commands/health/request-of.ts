import type { HealthRequest } from '../../core/health/request.ts';
import { type ThresholdSet, withThreshold } from '../../core/health/threshold.ts';
import type { Tier } from '../../core/health/tier.ts';
import type { CommandContext } from '../definition.ts';
import { factsOf } from './facts.ts';
import { rulesOf } from './rules-of.ts';

export interface HealthOptions {
  readonly tier: string;
  readonly full: boolean;
  readonly only: readonly string[];
  readonly skip: readonly string[];
  readonly threshold: readonly string[];
  readonly timeout: number | undefined;
  readonly scanBudget: number | undefined;
  readonly deepOn: string;
  readonly profile: string | undefined;
}

/** The request that options and configuration make together. */
export function requestOf(options: HealthOptions, context: CommandContext): HealthRequest {
  const { health, connection } = context.config;
  return {
    path: context.databasePath(),
    tier: options.full ? 'deep' : (options.tier as Tier | 'due'),
    only: options.only,
    skip: [...health.skip, ...options.skip],
    timeoutMs: options.timeout,
    longTimeoutMs: health.timeout,
    scanBudgetMs: options.scanBudget ?? health.scanBudget,
    copyLimitBytes: health.copyLimit,
    deepOn: options.deepOn as HealthRequest['deepOn'],
    busyTimeoutMs: connection.busyTimeout,
    temporaryDirectory: context.host.temporaryDirectory,
    stateDirectory: context.stateDirectory(),
    keepState: !context.dryRun,
    thresholds: options.threshold.reduce(withThreshold, configuredThresholds(context)),
    schedule: { dailyMs: health.tiers.daily, deepMs: health.tiers.deep },
    facts: factsOf(context),
    rules: (tables) => rulesOf(tables, context, options.profile),
  };
}

export function configuredThresholds(context: CommandContext): ThresholdSet {
  const { walSize, backupAge, verifyAge, drillAge, freeSpace, databaseSize, freeShare, readerAge, lockAge } =
    context.config.alerts.thresholds;
  return {
    'wal.backlog': { ...walSize, direction: 'above', unit: 'bytes' },
    'wal.reader': { ...readerAge, direction: 'above', unit: 'ms' },
    'lock.contention': { ...lockAge, direction: 'above', unit: 'ms' },
    'backup.age': { ...backupAge, direction: 'above', unit: 'ms' },
    'backup.verified': { ...verifyAge, direction: 'above', unit: 'ms' },
    'backup.drill': { ...drillAge, direction: 'above', unit: 'ms' },
    'file.space': { ...freeSpace, direction: 'below', unit: 'bytes' },
    'freelist.share': { ...freeShare, direction: 'above', unit: 'share' },
    'database.size': { ...databaseSize, direction: 'above', unit: 'bytes' },
  };
}
