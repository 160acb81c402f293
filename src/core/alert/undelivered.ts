import type { Finding } from '../report.ts';

/** What is said about notifications that were given up. */
export function undelivered(dead: number): Finding {
  return {
    id: 'alerts.delivery',
    severity: 'warning',
    message: `${dead} ${dead === 1 ? 'notification' : 'notifications'} could not be delivered`,
    hint: 'tradedb monitor alerts --test <channel>, then tradedb monitor alerts --flush',
    values: { dead },
  };
}
