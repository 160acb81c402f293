import type { AlertSeverity } from './rule.ts';

export type AlertPhase = 'ok' | 'pending' | 'firing' | 'recovering' | 'flapping' | 'nodata';

/**
 * What is known about one series of one rule. Plain data: it is kept in the state file between runs. All durations are
 * sums of gaps between looks, and a gap over twice the interval counts as nothing: time in which nobody looked proves
 * neither that a fault lasted nor that it was over, whatever the clocks say.
 */
export interface AlertState {
  /** Rule, database and labels: one alert is one key, however often it is seen. */
  readonly key: string;
  readonly rule: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly phase: AlertPhase;
  /** Severity while pending, firing, recovering, flapping or without data; null when all is well. */
  readonly severity: AlertSeverity | null;
  /** Severity that the last transition told; null when it told that all is well. */
  readonly notified: AlertSeverity | null;
  /** Wall time of the last change of phase, milliseconds since 1970. */
  readonly sinceMs: number;
  /** How long the present breach, recovery or calm (while flapping) has held. */
  readonly heldMs: number;
  readonly value: number | null;
  readonly lastSample: SampleTime | null;
  /** Last look, with or without a sample. */
  readonly lastLook: SampleTime;
  /** Time without a sample. */
  readonly missingMs: number;
  /** Age of the series in observed time. */
  readonly observedMs: number;
  /** Ages at which it went from good to bad or back, for flapping. */
  readonly changes: readonly number[];
  readonly bad: boolean;
}

/** When a sample was taken, on both clocks: within one boot the monotonic one decides. */
export interface SampleTime {
  readonly wallMs: number;
  /** Milliseconds since the boot. */
  readonly monotonicMs: number;
  /** Empty where the system has none. */
  readonly bootId: string;
}

/** A change that people must hear about. */
export interface AlertTransition {
  readonly key: string;
  readonly rule: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `withdrawn`: the rule is no longer there; `still`: it goes on, told again. */
  readonly kind: 'fired' | 'escalated' | 'resolved' | 'flapping' | 'nodata' | 'withdrawn' | 'still';
  readonly severity: AlertSeverity;
  readonly value: number | null;
  /** Wall time. */
  readonly atMs: number;
}

/** Milliseconds between two looks; zero when the clock went back, so that no jump decides anything by itself. */
export function gapMs(from: SampleTime, to: SampleTime): number {
  const sameBoot = from.bootId === to.bootId && (from.bootId !== '' || to.monotonicMs >= from.monotonicMs);
  return Math.max(0, sameBoot ? to.monotonicMs - from.monotonicMs : to.wallMs - from.wallMs);
}

export function alertKey(rule: string, database: string, labels: Readonly<Record<string, string>>): string {
  return JSON.stringify([rule, database, ...Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
