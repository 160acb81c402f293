import { expect, it } from 'vitest';
import { classEnd, classLength, retentionClass } from '../../../src/core/config/retention-class.ts';

const day = 86_400_000;
const classes = { '5y': 5 * 365.25 * day, short: 90 * day, odd: 1.5 * 365.25 * day };

it('whole years end on the same day of the calendar, however many leap days they have', () => {
  const end = (name: string, from: string): string => {
    const ms = classEnd(retentionClass(name, classes), Date.parse(from));
    return ms === null ? 'never' : new Date(ms).toISOString();
  };
  expect(end('5y', '2024-02-01T10:00:00Z')).toBe('2029-02-01T10:00:00.000Z');
  expect(end('5y', '2024-02-29T00:00:00Z')).toBe('2029-03-01T00:00:00.000Z');
  expect(end('short', '2024-01-01T00:00:00Z')).toBe('2024-03-31T00:00:00.000Z');
  expect(end('permanent', '2024-01-01T00:00:00Z')).toBe('never');
});

it('never lasts longer than its length', () => {
  for (let years = 1; years <= 12; years += 1) {
    const wanted = { name: 'y', ms: years * 365.25 * day };
    for (let from = Date.UTC(2023, 0, 15); from < Date.UTC(2032, 0, 1); from += 13 * day) {
      expect((classEnd(wanted, from) ?? 0) - from).toBeLessThanOrEqual(classLength(wanted));
    }
  }
  expect(classLength({ name: 'p', ms: null })).toBe(Number.POSITIVE_INFINITY);
  expect(classLength({ name: 's', ms: 90 * day })).toBe(90 * day);
});

it('an unknown name is refused with those there are', () => {
  expect(() => retentionClass('toString', classes)).toThrow('no retention class "toString"');
  expect(retentionClass('permanent', { permanent: day })).toEqual({ name: 'permanent', ms: day });
});
