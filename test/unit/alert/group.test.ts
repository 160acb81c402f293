import { describe, expect, it } from 'vitest';
import { type AlertFile, emptyAlertFile } from '../../../src/core/alert/alert-file.ts';
import { evaluateAlerts } from '../../../src/core/alert/evaluator.ts';
import { takeIn } from '../../../src/core/alert/group.ts';
import type { AlertRule } from '../../../src/core/alert/rule.ts';

const minute = 60_000;
const timing = { waitMs: minute, intervalMs: 5 * minute, repeatMs: 60 * minute };
const rule = (id: string): AlertRule => ({
  id,
  metric: id,
  select: {},
  except: {},
  direction: 'above',
  limits: { warning: 10, critical: 20 },
  clear: {},
  forMs: 0,
  keepMs: 0,
  nodata: 'keep',
  group: 'default',
  labels: {},
});
const rules = [rule('a'), rule('b')];

/** Looks of one database, minutes after the start; gives `kind rule` of what each one sends. */
function watch(inhibitions: readonly { when: string; mute: string }[] = [], atOnce = false) {
  let file: AlertFile = emptyAlertFile('d');
  let id = 0;
  const look = (at: number, values: Record<string, number>): string[][] => {
    const now = { wallMs: 1e12 + at * minute, monotonicMs: at * minute, bootId: 'b' };
    const metrics = Object.entries(values).map(([name, value]) => ({ name, type: 'gauge' as const, help: '', value }));
    const { states } = file;
    const expects = (): boolean => true;
    const evaluation = evaluateAlerts({ rules, states, metrics, expects, now, intervalMs: minute, database: 'd' });
    const makeId = (): string => `id-${id++}`;
    file = takeIn(file, evaluation, {
      rules,
      inhibitions,
      timing: atOnce ? { ...timing, waitMs: 0 } : timing,
      now,
      makeId,
    });
    const sent = file.outgoing.map(({ alerts }) => alerts.map((alert) => `${alert.kind} ${alert.rule}`));
    file = { ...file, outgoing: [] };
    return sent;
  };
  const silence = (from: number, to: number): void => {
    const times = { startMs: 1e12 + from * minute, endMs: 1e12 + to * minute };
    file = { ...file, silences: [{ id: 's', matcher: 'rule=a', author: 'x', comment: 'y', ...times }] };
  };
  return { look, silence, file: () => file };
}

describe('a group', () => {
  it('collects before its first notification, and sends what came together', () => {
    const { look } = watch();
    expect(look(0, { a: 12, b: 0 })).toEqual([]);
    expect(look(1, { a: 12, b: 12 })).toEqual([['fired a', 'fired b']]);
  });

  it('does not collect without a wait', () => {
    expect(watch([], true).look(0, { a: 12 })).toEqual([['fired a']]);
  });

  it('keeps its interval, except for what is critical', () => {
    const { look } = watch([], true);
    expect(look(0, { a: 12, b: 0 })).toEqual([['fired a']]);
    expect(look(1, { a: 0, b: 12 })).toEqual([]);
    expect(look(2, { a: 0, b: 25 })).toEqual([['resolved a', 'fired b', 'escalated b']]);
    expect(look(3, { a: 0, b: 0 })).toEqual([]);
    expect(look(7, { a: 0, b: 0 })).toEqual([['resolved b']]);
  });

  it('reminds of what goes on', () => {
    const { look } = watch([], true);
    look(0, { a: 12 });
    expect(look(59, { a: 12 })).toEqual([]);
    expect(look(60, { a: 12 })).toEqual([['still a']]);
    expect(look(61, { a: 12 })).toEqual([]);
  });
});

describe('what is muted', () => {
  it('is told after the silence when it goes on', () => {
    const { look, silence, file } = watch([], true);
    silence(0, 3);
    expect(look(0, { a: 12 })).toEqual([]);
    expect(file().muted).toHaveLength(1);
    expect(look(2, { a: 12 })).toEqual([]);
    expect(look(3, { a: 12 })).toEqual([['fired a']]);
    expect(file().muted).toEqual([]);
    expect(file().silences).toEqual([]);
  });

  it('is not told when it ends within the silence, and stays in the history', () => {
    const { look, silence, file } = watch([], true);
    silence(0, 3);
    look(0, { a: 12 });
    expect(look(1, { a: 0 })).toEqual([]);
    expect(look(9, { a: 0 })).toEqual([]);
    expect(file().history.map(({ kind }) => kind)).toEqual(['fired', 'resolved']);
  });

  it('is told to be over when it was told before the silence', () => {
    const { look, silence } = watch([], true);
    look(0, { a: 12 });
    silence(1, 60);
    expect(look(6, { a: 0 })).toEqual([['resolved a']]);
  });

  it('waits for the end of what inhibits it', () => {
    const { look } = watch([{ when: 'rule=b', mute: 'rule=a' }], true);
    expect(look(0, { a: 25, b: 25 })).toEqual([['fired b']]);
    expect(look(1, { a: 25, b: 0 })).toEqual([['resolved b', 'fired a']]);
  });
});
