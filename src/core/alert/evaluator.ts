import type { Metric } from '../report.ts';
import { type AlertRule, type AlertSeverity, selects, severityOf } from './rule.ts';
import { type AlertPhase, type AlertState, type AlertTransition, alertKey, gapMs, type SampleTime } from './state.ts';

/** Flapping: so many changes between good and bad in this time; it ends after so long without one. */
const flappingChanges = 6;
const flappingWindowMs = 30 * 60_000;
const flappingQuietMs = 15 * 60_000;

export interface EvaluationInput {
  readonly rules: readonly AlertRule[];
  readonly states: readonly AlertState[];
  readonly metrics: readonly Metric[];
  /** Whether this look could have brought the series; what another source brings stays as it is. */
  readonly expects: (series: Pick<Metric, 'name' | 'labels'>) => boolean;
  readonly now: SampleTime;
  /** Expected time between two looks. */
  readonly intervalMs: number;
  /** The database, part of every key. */
  readonly database: string;
}

export interface Evaluation {
  readonly states: readonly AlertState[];
  readonly transitions: readonly AlertTransition[];
}

type Step = { readonly state: AlertState; readonly transition?: AlertTransition };

/** One step of every rule: `(states, metrics, now) -> states, transitions`. Pure. */
export function evaluateAlerts(input: EvaluationInput): Evaluation {
  const known = Map.groupBy(input.states, ({ rule }) => rule);
  const samples = Map.groupBy(input.metrics, ({ name }) => name);
  const steps = input.rules.flatMap((rule) =>
    evaluateRule(rule, { known: known.get(rule.id) ?? [], samples: samples.get(rule.metric) ?? [] }, input),
  );
  const ids = new Set(input.rules.map(({ id }) => id));
  const withdrawn = input.states
    .filter((state) => !ids.has(state.rule) && state.notified !== null)
    .map((state) => tell(state, 'withdrawn', state.notified ?? 'warning', input.now));
  return {
    states: steps.flatMap((step) => step.state ?? []),
    transitions: [...steps.flatMap((step) => step.transition ?? []), ...withdrawn],
  };
}

function evaluateRule(
  rule: AlertRule,
  { known, samples }: { readonly known: readonly AlertState[]; readonly samples: readonly Metric[] },
  input: EvaluationInput,
): Partial<Step>[] {
  const steps: Partial<Step>[] = [];
  const seen = new Set<string>();
  for (const sample of samples.filter((metric) => selects(rule, metric))) {
    // A value that is no number is no sample.
    if (Number.isNaN(sample.value)) continue;
    const { database: _, ...labels } = sample.labels ?? {};
    const key = alertKey(rule.id, input.database, labels);
    if (seen.has(key)) continue;
    seen.add(key);
    const state = known.find((candidate) => candidate.key === key) ?? freshState(key, rule.id, labels, input.now);
    steps.push(withSample(state, rule, sample.value, input));
  }
  for (const state of known.filter(({ key }) => !seen.has(key))) {
    // A placeholder for a rule that had no data yet gives way to its real series.
    if (state.lastSample === null && seen.size > 0) steps.push(endPlaceholder(state, input.now));
    else steps.push(isExpected(state, rule, input) ? withoutSample(state, rule, input) : { state });
  }
  const placeholder = alertKey(rule.id, input.database, rule.select);
  if (steps.length === 0 && input.expects({ name: rule.metric, labels: rule.select })) {
    steps.push({ state: freshState(placeholder, rule.id, rule.select, input.now) });
  }
  return steps;
}

function isExpected(state: AlertState, rule: AlertRule, input: EvaluationInput): boolean {
  return input.expects({ name: rule.metric, labels: state.labels });
}

function endPlaceholder(state: AlertState, now: SampleTime): Partial<Step> {
  return state.notified === null ? {} : { transition: tell(state, 'resolved', state.notified, now) };
}

function freshState(key: string, rule: string, labels: AlertState['labels'], now: SampleTime): AlertState {
  return {
    key,
    rule,
    labels,
    phase: 'ok',
    severity: null,
    notified: null,
    sinceMs: now.wallMs,
    heldMs: 0,
    value: null,
    lastSample: null,
    lastLook: now,
    missingMs: 0,
    observedMs: 0,
    changes: [],
    bad: false,
  };
}

function withSample(previous: AlertState, rule: AlertRule, value: number, input: EvaluationInput): Step {
  const { now, intervalMs } = input;
  const gap = previous.lastSample === null ? 0 : gapMs(previous.lastSample, now);
  const counted = gap > 2 * intervalMs ? 0 : gap;
  const returns = previous.phase === 'nodata';
  const phase = returns ? phaseAfterNoData(previous) : previous.phase;
  // Data that was missing while the notice was kept is no change.
  const wasBad = returns && rule.nodata !== 'keep' ? previous.notified !== null : previous.bad;
  const raised = severityOf(value, rule.limits, rule.direction);
  const isTold = phase === 'firing' || phase === 'recovering' || phase === 'flapping';
  // Hysteresis: an alert that was raised goes on until the value is beyond its clear limits too.
  const present = isTold ? (raised ?? severityOf(value, { ...rule.limits, ...rule.clear }, rule.direction)) : raised;
  const bad = present !== undefined;
  const observedMs = previous.observedMs + counted;
  // While it flaps its changes stay: by their number it is known to flap when data was missing meanwhile.
  const recent =
    phase === 'flapping'
      ? previous.changes.slice(-flappingChanges)
      : previous.changes.filter((at) => observedMs - at <= flappingWindowMs);
  const changes = bad === wasBad ? recent : [...recent, observedMs];
  // Calm before a time without data proves no calm after it.
  const heldMs = bad !== wasBad || (returns && !bad) ? 0 : previous.heldMs + counted;
  const time = { lastSample: now, lastLook: now, missingMs: 0, observedMs };
  const state: AlertState = { ...previous, ...time, phase, value, changes, heldMs, bad };
  if (phase === 'flapping') return whileFlapping(state, present, now);
  if (bad !== wasBad && changes.length >= flappingChanges) {
    const severity = worse(present ?? 'warning', state.severity);
    return {
      state: enter(state, 'flapping', severity, severity, now),
      transition: tell(state, 'flapping', severity, now),
    };
  }
  if (phase === 'firing' || phase === 'recovering') return whileTold(state, rule, present, raised, now);
  return whileGood(state, rule, present, now);
}

function phaseAfterNoData({ notified, changes }: AlertState): AlertPhase {
  if (notified === null) return 'ok';
  return changes.length >= flappingChanges ? 'flapping' : 'firing';
}

/** OK and PENDING. */
function whileGood(state: AlertState, rule: AlertRule, present: AlertSeverity | undefined, now: SampleTime): Step {
  if (present === undefined) return { state: state.phase === 'ok' ? state : enter(state, 'ok', null, null, now) };
  const heldMs = state.phase === 'pending' ? state.heldMs : 0;
  if (heldMs >= rule.forMs) {
    return { state: enter(state, 'firing', present, present, now), transition: tell(state, 'fired', present, now) };
  }
  if (state.phase === 'pending') return { state: { ...state, severity: present } };
  return { state: { ...enter(state, 'pending', present, null, now), heldMs } };
}

/** FIRING and RECOVERING. The severity only rises while an alert lasts. */
function whileTold(
  state: AlertState,
  rule: AlertRule,
  present: AlertSeverity | undefined,
  raised: AlertSeverity | undefined,
  now: SampleTime,
): Step {
  if (present !== undefined) {
    const severity = worse(raised ?? 'warning', state.severity);
    const again =
      state.phase === 'firing' ? { ...state, severity } : enter(state, 'firing', severity, state.notified, now);
    return escalate(again, now);
  }
  const recovering =
    state.phase === 'recovering' ? state : enter(state, 'recovering', state.severity, state.notified, now);
  if (recovering.heldMs < rule.keepMs) return { state: recovering };
  return end(recovering, now);
}

function whileFlapping(state: AlertState, present: AlertSeverity | undefined, now: SampleTime): Step {
  if (state.heldMs < flappingQuietMs) {
    return escalate(
      { ...state, severity: present === undefined ? state.severity : worse(present, state.severity) },
      now,
    );
  }
  const settled = { ...state, changes: [] };
  if (present === undefined) return end(settled, now);
  return { state: enter(settled, 'firing', present, present, now), transition: tell(state, 'fired', present, now) };
}

function withoutSample(previous: AlertState, rule: AlertRule, input: EvaluationInput): Step {
  const { now, intervalMs } = input;
  const gap = gapMs(previous.lastLook, now);
  const missingMs = previous.missingMs + (gap > 2 * intervalMs ? 0 : gap);
  const state: AlertState = { ...previous, lastLook: now, missingMs };
  if (state.phase === 'nodata' || missingMs <= 2 * intervalMs) return { state };
  if (rule.nodata === 'keep') return { state: enter(state, 'nodata', state.notified, state.notified, now) };
  if (rule.nodata === 'ok') {
    const gone = enter(state, 'nodata', null, null, now);
    return state.notified === null
      ? { state: gone }
      : { state: gone, transition: tell(state, 'resolved', state.notified, now) };
  }
  const severity = state.notified ?? 'warning';
  return { state: enter(state, 'nodata', severity, severity, now), transition: tell(state, 'nodata', severity, now) };
}

function end(state: AlertState, now: SampleTime): Step {
  const transition = tell(state, 'resolved', state.notified ?? 'warning', now);
  return { state: { ...enter(state, 'ok', null, null, now), heldMs: 0 }, transition };
}

function escalate(state: AlertState, now: SampleTime): Step {
  if (state.severity !== 'critical' || state.notified === 'critical') return { state };
  return { state: { ...state, notified: 'critical' }, transition: tell(state, 'escalated', 'critical', now) };
}

function worse(a: AlertSeverity, b: AlertSeverity | null): AlertSeverity {
  return a === 'critical' || b === 'critical' ? 'critical' : 'warning';
}

function enter(
  state: AlertState,
  phase: AlertPhase,
  severity: AlertSeverity | null,
  notified: AlertSeverity | null,
  now: SampleTime,
): AlertState {
  return { ...state, phase, severity, notified, sinceMs: now.wallMs };
}

function tell(
  state: AlertState,
  kind: AlertTransition['kind'],
  severity: AlertSeverity,
  now: SampleTime,
): AlertTransition {
  const { key, rule, labels, value } = state;
  return { key, rule, labels, kind, severity, value, atMs: now.wallMs };
}
