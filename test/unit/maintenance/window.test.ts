import { describe, expect, it } from 'vitest';
import { type MaintenanceWindow, nextWindowStart, windowEnd } from '../../../src/core/maintenance/window.ts';

const every = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const at = (iso: string): number => Date.parse(`${iso}Z`);
const iso = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString().slice(0, 16);

describe('maintenance windows', () => {
  const night: MaintenanceWindow = { days: every, from: '02:00', to: '04:00' };
  const overMidnight: MaintenanceWindow = { days: ['fri'], from: '22:00', to: '06:00' };

  it('tells the end of the window that a time lies in', () => {
    expect(iso(windowEnd([night], at('2026-03-01T02:00')))).toBe('2026-03-01T04:00');
    expect(iso(windowEnd([night], at('2026-03-01T03:59')))).toBe('2026-03-01T04:00');
    expect(windowEnd([night], at('2026-03-01T04:00'))).toBeUndefined();
    expect(windowEnd([night], at('2026-03-01T01:59'))).toBeUndefined();
  });

  it('goes over midnight, and belongs to the day it starts on', () => {
    // 2026-03-06 is a Friday.
    expect(iso(windowEnd([overMidnight], at('2026-03-06T23:00')))).toBe('2026-03-07T06:00');
    expect(iso(windowEnd([overMidnight], at('2026-03-07T05:00')))).toBe('2026-03-07T06:00');
    expect(windowEnd([overMidnight], at('2026-03-06T05:00'))).toBeUndefined();
    expect(windowEnd([overMidnight], at('2026-03-07T23:00'))).toBeUndefined();
  });

  it('lasts a whole day when both times are equal, and the longest of several counts', () => {
    const day: MaintenanceWindow = { days: ['sun'], from: '00:00', to: '00:00' };
    expect(iso(windowEnd([day, night], at('2026-03-01T03:00')))).toBe('2026-03-02T00:00');
  });

  it('finds the next start within a week', () => {
    expect(iso(nextWindowStart([overMidnight], at('2026-03-06T22:00')))).toBe('2026-03-13T22:00');
    expect(iso(nextWindowStart([night, overMidnight], at('2026-03-01T02:00')))).toBe('2026-03-02T02:00');
    expect(nextWindowStart([], at('2026-03-01T02:00'))).toBeUndefined();
  });
});
