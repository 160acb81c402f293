import type { AlertState } from '../../core/alert/state.ts';
import type { AlertFacts } from '../../core/monitor/alert-facts.ts';

/** The state of a rule as the screens show it; the monitor does not know the rooms of the alerts. */
export function alertFacts({ rule, phase, severity, value, sinceMs, labels }: AlertState): AlertFacts {
  return { rule, phase, severity, value, since: new Date(sinceMs).toISOString(), labels };
}
