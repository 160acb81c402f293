/** Tiers by cost; a tier includes the cheaper ones. */
export type Tier = 'quick' | 'daily' | 'deep';

export const tiers: readonly Tier[] = ['quick', 'daily', 'deep'];

export function includesTier(wanted: Tier, tier: Tier): boolean {
  return tiers.indexOf(tier) <= tiers.indexOf(wanted);
}

export interface TierSchedule {
  readonly dailyMs: number;
  readonly deepMs: number;
}

/** When the dearer tiers were last run, milliseconds since 1970 UTC. */
export interface TierRuns {
  readonly daily?: number;
  readonly deep?: number;
}

/** The dearest tier whose interval has passed. */
export function dueTier(runs: TierRuns, schedule: TierSchedule, now: number): Tier {
  const { daily, deep } = nextDue(runs, schedule, now);
  if (deep <= now) return 'deep';
  return daily <= now ? 'daily' : 'quick';
}

/** When the daily and the deep tier are due next; `now` for one that never ran. A deep run is a daily one too. */
export function nextDue(runs: TierRuns, schedule: TierSchedule, now: number): { daily: number; deep: number } {
  const lastDaily = Math.max(runs.daily ?? Number.NEGATIVE_INFINITY, runs.deep ?? Number.NEGATIVE_INFINITY);
  return {
    daily: Number.isFinite(lastDaily) ? lastDaily + schedule.dailyMs : now,
    deep: runs.deep === undefined ? now : runs.deep + schedule.deepMs,
  };
}
