import { type Matchable, parseMatcher } from './matcher.ts';
import type { AlertState } from './state.ts';

/** While an alert that fits `when` is told, those that fit `mute` are not. */
export interface Inhibition {
  readonly when: string;
  readonly mute: string;
}

/** True when another alert that is told mutes this one. An alert never mutes itself. */
export function isInhibited(
  inhibitions: readonly Inhibition[],
  alert: Matchable & { readonly key: string },
  states: readonly AlertState[],
): boolean {
  return inhibitions.some(({ when, mute }) => {
    if (!parseMatcher(mute)(alert)) return false;
    const source = parseMatcher(when);
    // Alerts that fit both sides would mute each other, and nobody would hear of any.
    return (
      !source(alert) && states.some((state) => state.key !== alert.key && state.notified !== null && source(state))
    );
  });
}
