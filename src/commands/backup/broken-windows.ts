import type { Finding } from '../../core/report.ts';

interface Gap {
  readonly database: string;
  readonly fromTime: string;
  readonly toTime: string;
  readonly reason: string;
}

/** Gaps of the archive within the time in which every commit was to be had. `start` is milliseconds since 1970 UTC. */
export function brokenWindows(gaps: readonly Gap[], start: number): Finding[] {
  return gaps
    .filter((gap) => Date.parse(gap.toTime) > start)
    .map((gap) => ({
      id: 'window.broken',
      severity: 'warning',
      subject: gap.database,
      message: `commits between ${gap.fromTime} and ${gap.toTime} may be missing: ${gap.reason}`,
      hint: 'let the archiver run as long as the application does: tradedb backup archive',
    }));
}
