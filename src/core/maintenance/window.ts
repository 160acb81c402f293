/** Maintenance windows: times of the week (UTC) in which maintenance may run. Pure. */

const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
type Day = (typeof dayNames)[number];

export interface MaintenanceWindow {
  readonly days: readonly Day[];
  /** `02:30`. */
  readonly from: string;
  /** Before `from`: the window ends on the next day. Equal to `from`: it lasts the whole day. */
  readonly to: string;
}

const dayMs = 86_400_000;

function minutes(clock: string): number {
  const [hours = 0, rest = 0] = clock.split(':').map(Number);
  return hours * 60 + rest;
}

/**
 * When the window that `at` (ms since 1970) lies in ends, as ms since 1970; undefined outside of every window. With
 * overlapping windows the latest end counts.
 */
export function windowEnd(windows: readonly MaintenanceWindow[], at: number): number | undefined {
  const midnight = Math.floor(at / dayMs) * dayMs;
  let end: number | undefined;
  for (const window of windows) {
    for (const start of [midnight - dayMs, midnight]) {
      // 1970-01-01 was a Thursday, day 4 of a week that starts on Sunday.
      const day = dayNames[(Math.floor(start / dayMs) + 4) % 7];
      if (day === undefined || !window.days.includes(day)) continue;
      const from = start + minutes(window.from) * 60_000;
      const length = (minutes(window.to) - minutes(window.from) + 1440) % 1440 || 1440;
      const to = from + length * 60_000;
      if (at >= from && at < to) end = Math.max(end ?? 0, to);
    }
  }
  return end;
}

/** The next start of a window after `at`, as ms since 1970; undefined without windows. */
export function nextWindowStart(windows: readonly MaintenanceWindow[], at: number): number | undefined {
  const midnight = Math.floor(at / dayMs) * dayMs;
  let next: number | undefined;
  for (const window of windows) {
    for (let offset = 0; offset <= 7; offset += 1) {
      const start = midnight + offset * dayMs;
      const day = dayNames[(Math.floor(start / dayMs) + 4) % 7];
      const from = start + minutes(window.from) * 60_000;
      if (day !== undefined && window.days.includes(day) && from > at) next = Math.min(next ?? from, from);
    }
  }
  return next;
}
