import { Cron } from 'croner';

/**
 * The next time (ms since 1970) that a cron expression fires after `after`; undefined when it never does. Where a time
 * zone skips an hour, what lies in it fires right after; where it repeats one, once.
 */
export function nextRun(expression: string, after: number, timeZone = 'UTC'): number | undefined {
  const cron = new Cron(expression, { paused: true, timezone: timeZone });
  try {
    return cron.nextRun(new Date(after))?.getTime();
  } finally {
    cron.stop();
  }
}
