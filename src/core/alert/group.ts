import type { AlertFile, AlertGroup } from './alert-file.ts';
import type { Evaluation } from './evaluator.ts';
import { type Inhibition, isInhibited } from './inhibit.ts';
import { isGoodNews, makeNotification, type Notification } from './notification.ts';
import type { AlertRule } from './rule.ts';
import { isActive, silencedUntil } from './silence.ts';
import { type AlertState, type AlertTransition, gapMs, type SampleTime } from './state.ts';

/** Milliseconds. */
export interface GroupTiming {
  /** How long a group collects before its first notification. */
  readonly waitMs: number;
  /** Least time between two notifications of a group, unless something is critical. */
  readonly intervalMs: number;
  /** After which people are told again of what is still bad. */
  readonly repeatMs: number;
}

export interface GroupInput {
  readonly rules: readonly AlertRule[];
  readonly inhibitions: readonly Inhibition[];
  readonly timing: GroupTiming;
  readonly now: SampleTime;
  readonly makeId: () => string;
}

const keptHistory = 500;

/**
 * Takes the transitions of one look into the file: leaves out what is silenced or inhibited, remembers it for the time
 * after, adds reminders, and makes the notifications that are due. Pure.
 */
export function takeIn(file: AlertFile, evaluation: Evaluation, input: GroupInput): AlertFile {
  const { states } = evaluation;
  const { now } = input;
  const toldAt = new Map(Object.entries(file.toldAt));
  const muted = new Set(file.muted);
  const isMuted = (state: AlertState): boolean =>
    silencedUntil(file.silences, state, now.wallMs) !== null || isInhibited(input.inhibitions, state, states);
  const news: AlertTransition[] = [];
  for (const transition of evaluation.transitions) {
    const state = states.find(({ key }) => key === transition.key);
    if (isGoodNews(transition.kind)) {
      muted.delete(transition.key);
      // Nobody hears the end of what they never heard the beginning of; a silence does not hold back a known end.
      if (toldAt.delete(transition.key)) news.push(transition);
    } else if (state !== undefined && isMuted(state)) muted.add(transition.key);
    else {
      muted.delete(transition.key);
      toldAt.set(transition.key, now);
      news.push(transition);
    }
  }
  for (const state of states) {
    if (state.notified === null || isMuted(state)) continue;
    const told = toldAt.get(state.key);
    const wasMuted = muted.delete(state.key);
    if (!wasMuted && (told === undefined || elapsedMs(told, now) < input.timing.repeatMs)) continue;
    news.push(reminder(state, wasMuted ? kindAfterMute(state) : 'still', now));
    toldAt.set(state.key, now);
  }
  const badKeys = new Set(states.filter(({ notified }) => notified !== null).map(({ key }) => key));
  const { groups, notifications } = collect(file, news, input);
  return {
    ...file,
    states,
    muted: [...muted].filter((key) => badKeys.has(key)),
    toldAt: Object.fromEntries(toldAt),
    groups,
    outgoing: [...file.outgoing, ...notifications],
    silences: file.silences.filter((silence) => isActive(silence, now.wallMs)),
    history: [...file.history, ...evaluation.transitions].slice(-keptHistory),
  };
}

function collect(
  file: AlertFile,
  news: readonly AlertTransition[],
  input: GroupInput,
): { groups: Record<string, AlertGroup>; notifications: Notification[] } {
  const groups = new Map<string, AlertGroup>(Object.entries(file.groups));
  for (const transition of news) {
    const name = input.rules.find(({ id }) => id === transition.rule)?.group ?? 'default';
    const group = groups.get(name) ?? { waiting: [], openedAt: null, sentAt: null };
    const openedAt = group.openedAt ?? input.now;
    groups.set(name, { ...group, waiting: [...group.waiting, transition], openedAt });
  }
  const notifications: Notification[] = [];
  for (const [group, content] of groups) {
    if (!isDue(content, input)) continue;
    const facts = { id: input.makeId(), database: file.database, group, createdMs: input.now.wallMs };
    notifications.push(makeNotification(content.waiting, facts, input.rules));
    groups.set(group, { waiting: [], openedAt: null, sentAt: input.now });
  }
  return { groups: Object.fromEntries(groups), notifications };
}

function isDue(group: AlertGroup, { timing, now }: GroupInput): boolean {
  if (group.openedAt === null || group.waiting.length === 0) return false;
  if (elapsedMs(group.openedAt, now) < timing.waitMs) return false;
  const isUrgent = group.waiting.some(({ kind, severity }) => severity === 'critical' && !isGoodNews(kind));
  return isUrgent || group.sentAt === null || elapsedMs(group.sentAt, now) >= timing.intervalMs;
}

/** For delays: when the clocks cannot tell, it was long enough, so that no clock jump holds a notification back. */
function elapsedMs(from: SampleTime, now: SampleTime): number {
  if (from.bootId !== now.bootId && now.wallMs < from.wallMs) return Number.POSITIVE_INFINITY;
  return gapMs(from, now);
}

function reminder(state: AlertState, kind: AlertTransition['kind'], now: SampleTime): AlertTransition {
  const { key, rule, labels, value } = state;
  return { key, rule, labels, kind, severity: state.notified ?? 'warning', value, atMs: now.wallMs };
}

function kindAfterMute(state: AlertState): AlertTransition['kind'] {
  return state.phase === 'flapping' || state.phase === 'nodata' ? state.phase : 'fired';
}
