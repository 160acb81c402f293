import { expect, it } from 'vitest';
import { isInhibited } from '../../../src/core/alert/inhibit.ts';
import type { AlertState } from '../../../src/core/alert/state.ts';

function state(rule: string, notified: AlertState['notified']): AlertState {
  return {
    key: rule,
    rule,
    labels: {},
    phase: notified === null ? 'ok' : 'firing',
    severity: notified,
    notified,
    sinceMs: 0,
    heldMs: 0,
    value: 1,
    lastSample: null,
    lastLook: { wallMs: 0, monotonicMs: 0, bootId: 'b' },
    missingMs: 0,
    observedMs: 0,
    changes: [],
    bad: notified !== null,
  };
}

const unreachable = state('unreachable', 'critical');
const wal = state('wal-size', 'warning');
const inhibitions = [{ when: 'rule=unreachable', mute: '*' }];

it('mutes the others while its source is told, and no longer', () => {
  expect(isInhibited(inhibitions, wal, [unreachable, wal])).toBe(true);
  expect(isInhibited(inhibitions, wal, [state('unreachable', null), wal])).toBe(false);
  expect(isInhibited(inhibitions, wal, [wal])).toBe(false);
});

it('never mutes the source, nor two sources each other', () => {
  expect(isInhibited(inhibitions, unreachable, [unreachable, wal])).toBe(false);
  const other = { ...unreachable, key: 'other' };
  expect(isInhibited(inhibitions, unreachable, [unreachable, other])).toBe(false);
});

it('leaves alone what does not fit', () => {
  expect(isInhibited([{ when: 'rule=unreachable', mute: 'rule=health' }], wal, [unreachable, wal])).toBe(false);
});
