import { describe, expect, it } from 'vitest';
import { isActive, makeSilence, type Silence, silencedUntil } from '../../../src/core/alert/silence.ts';

const day = 86_400_000;
const wish = { id: 's', matcher: 'rule=wal-size', author: 'a', comment: 'planned work', forMs: 1000 };
const alert = { rule: 'wal-size', severity: 'warning' as const, labels: {} };

function silence(parts: Partial<Silence> = {}): Silence {
  return { id: 's', matcher: '*', startMs: 0, endMs: 1000, author: 'a', comment: 'c', ...parts };
}

describe('a silence', () => {
  it('begins now and ends after its time', () => {
    expect(makeSilence(wish, 500)).toMatchObject({ startMs: 500, endMs: 1500 });
    expect(isActive(silence(), 999)).toBe(true);
    expect(isActive(silence(), 1000)).toBe(false);
  });

  it.each([
    ['more than 7 days', { forMs: 7 * day + 1 }],
    ['no time', { forMs: 0 }],
    ['no comment', { comment: ' ' }],
    ['no matcher', { matcher: 'wal-size' }],
  ])('is refused with %s', (_, parts) => {
    expect(() => makeSilence({ ...wish, ...parts }, 0)).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  it('may last exactly 7 days', () => {
    expect(makeSilence({ ...wish, forMs: 7 * day }, 0).endMs).toBe(7 * day);
  });

  it('does not last longer because the clock was set back', () => {
    expect(isActive(silence({ startMs: 9 * day, endMs: 10 * day }), 0)).toBe(false);
  });

  it('covers what fits every part of its matcher, to the latest end', () => {
    const silences = [silence({ endMs: 10 }), silence({ matcher: 'rule=wal*,severity=warning', endMs: 30 })];
    expect(silencedUntil(silences, alert, 0)).toBe(30);
    expect(silencedUntil(silences, { ...alert, severity: 'critical' }, 0)).toBe(10);
    expect(silencedUntil(silences, alert, 30)).toBeNull();
  });
});
