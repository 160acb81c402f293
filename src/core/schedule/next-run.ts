import { Cron } from 'croner';

/** The next time (ms since 1970) that a cron expression (UTC) fires after `after`; undefined when it never does. */
export function nextRun(expression: string, after: number): number | undefined {
  const cron = new Cron(expression, { paused: true, timezone: 'UTC' });
  try {
    return cron.nextRun(new Date(after))?.getTime();
  } finally {
    cron.stop();
  }
}
