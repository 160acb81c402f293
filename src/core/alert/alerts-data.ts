import type { AlertFile } from './alert-file.ts';
import type { DeliveryResult } from './deliver.ts';
import type { Breaker } from './healing-journal.ts';
import type { Outbox } from './outbox.ts';
import type { AlertLimits, AlertRule, AlertSeverity } from './rule.ts';
import { isActive, silencedUntil } from './silence.ts';
import type { AlertPhase, AlertTransition } from './state.ts';

/** `data` of `monitor alerts`. Times are ISO 8601, UTC. */
export interface AlertsData {
  readonly database: string;
  readonly alerts: readonly AlertRow[];
  readonly outbox: {
    readonly pending: number;
    readonly dead: number;
    /** Why the last attempts failed, by channel. */
    readonly errors: Readonly<Record<string, string>>;
  };
  readonly channels: readonly string[];
  /** Actions of self-healing that were tried. */
  readonly breakers: readonly Breaker[];
  readonly silences: readonly SilenceRow[];
  /** Null unless asked for. */
  readonly rules: readonly RuleRow[] | null;
  readonly history: readonly HistoryRow[] | null;
  /** What --test or --flush sent. */
  readonly delivery: DeliveryResult | null;
}

export interface AlertRow {
  readonly rule: string;
  readonly state: AlertPhase;
  /** It was raised and did not end yet: also while it recovers, flaps, or has no data. */
  readonly firing: boolean;
  readonly severity: AlertSeverity | null;
  readonly since: string;
  readonly heldMs: number;
  readonly value: number | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly silencedUntil: string | null;
  readonly runbook: string | null;
}

export interface SilenceRow {
  readonly id: string;
  readonly matcher: string;
  readonly start: string;
  readonly end: string;
  readonly author: string;
  readonly comment: string;
}

export interface RuleRow {
  readonly id: string;
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly direction: AlertRule['direction'];
  readonly limits: AlertLimits;
  readonly clear: AlertLimits;
  readonly forMs: number;
  readonly keepMs: number;
  readonly nodata: AlertRule['nodata'];
  readonly group: string;
  readonly runbook: string | null;
}

export interface HistoryRow {
  readonly at: string;
  readonly rule: string;
  readonly kind: AlertTransition['kind'];
  readonly severity: AlertSeverity;
  readonly value: number | null;
  readonly labels: Readonly<Record<string, string>>;
}

interface View {
  readonly rules: readonly AlertRule[];
  readonly channels: readonly string[];
  readonly breakers: readonly Breaker[];
  readonly nowMs: number;
  readonly shows: { readonly rules: boolean; readonly historyMs: number | undefined };
  readonly delivery: DeliveryResult | null;
}

export function alertsData(file: AlertFile, outbox: Outbox, view: View): AlertsData {
  const { rules, nowMs } = view;
  const { historyMs } = view.shows;
  return {
    database: file.database,
    alerts: alertRows(file, rules, nowMs),
    outbox: {
      pending: outbox.names('pending').length,
      dead: outbox.names('dead').length,
      errors: lastErrors(outbox),
    },
    channels: view.channels,
    breakers: view.breakers,
    silences: file.silences
      .filter((silence) => isActive(silence, nowMs))
      .map(({ startMs, endMs, ...rest }) => ({ ...rest, start: iso(startMs), end: iso(endMs) })),
    rules: view.shows.rules ? rules.map(ruleRow) : null,
    history:
      historyMs === undefined
        ? null
        : file.history
            .filter(({ atMs }) => atMs >= nowMs - historyMs)
            .map(({ key: _, atMs, ...rest }) => ({ ...rest, at: iso(atMs) })),
    delivery: view.delivery,
  };
}

/** Worst first. */
function alertRows(file: AlertFile, rules: readonly AlertRule[], nowMs: number): AlertRow[] {
  const rank = ({ firing, severity, state }: AlertRow): number =>
    (firing ? 4 : 0) + (severity === 'critical' ? 2 : severity === 'warning' ? 1 : 0) - (state === 'ok' ? 1 : 0);
  const rows = file.states.map((state): AlertRow => {
    const until = silencedUntil(file.silences, state, nowMs);
    return {
      rule: state.rule,
      state: state.phase,
      firing: state.notified !== null,
      severity: state.severity,
      since: iso(state.sinceMs),
      heldMs: state.heldMs,
      value: state.value,
      labels: state.labels,
      silencedUntil: until === null ? null : iso(until),
      runbook: rules.find(({ id }) => id === state.rule)?.runbook ?? null,
    };
  });
  return rows.sort((a, b) => rank(b) - rank(a));
}

function ruleRow(rule: AlertRule): RuleRow {
  const { id, metric, select, direction, limits, clear, forMs, keepMs, nodata, group, runbook } = rule;
  const labels = { ...select };
  return { id, metric, labels, direction, limits, clear, forMs, keepMs, nodata, group, runbook: runbook ?? null };
}

function lastErrors(outbox: Outbox): Record<string, string> {
  const errors: Record<string, string> = {};
  for (const folder of ['dead', 'pending'] as const) {
    for (const name of outbox.names(folder)) {
      const entry = outbox.read(folder, name);
      if (entry?.lastError != null) errors[entry.channel] = entry.lastError;
    }
  }
  return errors;
}

const iso = (ms: number): string => new Date(ms).toISOString();
