import { formatByteSize } from '../core/config/byte-size.ts';
import { formatDuration } from '../core/config/duration.ts';
import type { Clock, ProgressSink, ProgressTask, ProgressUnit } from '../core/context.ts';
import { formatCount } from './render/format.ts';

export type ProgressMode = 'bar' | 'plain' | 'json' | 'none';

const silent: ProgressTask = { advance: () => {}, total: () => {}, done: () => {} };

/** Time between two lines (plain, JSON) and between two drawings of the bar. */
const lineEveryMs = 3000;
const barEveryMs = 100;

interface TaskState {
  readonly id: string;
  readonly label: string;
  readonly unit: ProgressUnit;
  readonly startedMs: number;
  total: number | undefined;
  finished: number;
  lastShownMs: number;
}

/** The progress feed of a command, shown on stderr in one of four ways. */
export function createProgress(mode: ProgressMode, clock: Clock, write: (text: string) => void): ProgressSink {
  if (mode === 'none') return { start: () => silent };
  const show =
    mode === 'bar'
      ? createSpinner()
      : (state: TaskState, ended: boolean) =>
          write(mode === 'json' ? jsonLine(state, clock, ended) : plainLine(state, clock, ended));
  const everyMs = mode === 'bar' ? barEveryMs : lineEveryMs;
  return {
    start: ({ id, label, unit, total }) => {
      const state: TaskState = {
        id,
        label,
        unit,
        total,
        finished: 0,
        startedMs: clock.now(),
        lastShownMs: clock.now(),
      };
      let ended = false;
      return {
        advance: (amount) => {
          state.finished += amount;
          const now = clock.now();
          if (now - state.lastShownMs < everyMs) return;
          state.lastShownMs = now;
          show(state, false, clock);
        },
        total: (value) => {
          state.total = value;
        },
        done: () => {
          if (ended) return;
          ended = true;
          show(state, true, clock);
        },
      };
    },
  };
}

/** `copying  45 %  381 MB of 848 MB  264 MB/s  2 s left`. */
export function describeProgress(state: TaskState, clock: Clock): string {
  const { elapsedMs, perSecond, remainingMs } = rates(state, clock);
  const amount = (value: number): string => (state.unit === 'bytes' ? formatByteSize(value) : formatCount(value));
  const unit = state.unit === 'bytes' ? '' : ` ${state.unit}`;
  const parts = [
    state.label,
    state.total === undefined || state.total === 0
      ? ''
      : `${Math.min(100, Math.floor((state.finished / state.total) * 100))} %`,
    state.total === undefined
      ? `${amount(state.finished)}${unit}`
      : `${amount(state.finished)} of ${amount(state.total)}${unit}`,
    elapsedMs < 200 ? '' : `${amount(perSecond)}${unit}/s`,
    remainingMs === undefined ? '' : `${formatDuration(remainingMs)} left`,
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function rates(
  state: TaskState,
  clock: Clock,
): { elapsedMs: number; perSecond: number; remainingMs: number | undefined } {
  const elapsedMs = clock.now() - state.startedMs;
  const perSecond = elapsedMs <= 0 ? 0 : (state.finished / elapsedMs) * 1000;
  const open = state.total === undefined ? undefined : Math.max(0, state.total - state.finished);
  return {
    elapsedMs,
    perSecond,
    remainingMs: open === undefined || perSecond === 0 ? undefined : (open / perSecond) * 1000,
  };
}

function plainLine(state: TaskState, clock: Clock, ended: boolean): string {
  // A task that was over before its first line was due is not worth one.
  if (ended && clock.now() - state.startedMs < lineEveryMs) return '';
  return `${describeProgress(state, clock)}${ended ? '  done' : ''}\n`;
}

function jsonLine(state: TaskState, clock: Clock, ended: boolean): string {
  const { elapsedMs, perSecond, remainingMs } = rates(state, clock);
  return `${JSON.stringify({
    type: 'progress',
    id: state.id,
    label: state.label,
    unit: state.unit,
    done: state.finished,
    total: state.total ?? null,
    elapsedMs: Math.round(elapsedMs),
    perSecond: Math.round(perSecond),
    remainingMs: remainingMs === undefined ? null : Math.round(remainingMs),
    ended,
  })}\n`;
}

/** A spinner line on the terminal; ora is loaded when the first task has something to show. */
function createSpinner(): (state: TaskState, ended: boolean, clock: Clock) => void {
  let spinner: { text: string; start(): unknown; stop(): unknown } | undefined;
  let loading = false;
  let closed = 0;
  return (state, ended, clock) => {
    if (ended) {
      closed += 1;
      spinner?.stop();
      return;
    }
    const text = describeProgress(state, clock);
    if (spinner !== undefined) {
      spinner.text = text;
      spinner.start();
      return;
    }
    if (loading) return;
    loading = true;
    const closedBefore = closed;
    void import('ora').then(({ default: ora }) => {
      spinner = ora({ text, stream: process.stderr, discardStdin: false });
      if (closed === closedBefore) spinner.start();
    });
  };
}
