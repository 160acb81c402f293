import { formatDuration } from '../config/duration.ts';
import { TradedbError } from '../error.ts';
import { type Matchable, parseMatcher } from './matcher.ts';

/** Nobody is told of matching alerts until the end. Times are wall time, milliseconds since 1970. */
export interface Silence {
  readonly id: string;
  readonly matcher: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly author: string;
  readonly comment: string;
}

/** A silence that outlives the reason for it hides the next fault. */
const longestSilenceMs = 7 * 86_400_000;

/** Throws `usage` for a matcher that does not parse, no comment, and more than 7 days. */
export function makeSilence(
  wish: Pick<Silence, 'id' | 'matcher' | 'author' | 'comment'> & { readonly forMs: number },
  nowMs: number,
): Silence {
  const { forMs, ...silence } = wish;
  parseMatcher(silence.matcher);
  if (forMs <= 0 || forMs > longestSilenceMs) {
    throw new TradedbError('usage', `a silence lasts at most 7 days, not ${formatDuration(forMs)}`, {
      hint: 'give a shorter --for, and silence again when it has ended',
    });
  }
  if (silence.comment.trim() === '') {
    throw new TradedbError('usage', 'a silence needs a comment: others must know why they hear nothing', {
      hint: 'add --comment "why"',
    });
  }
  return { ...silence, startMs: nowMs, endMs: nowMs + forMs };
}

/** Over at its end; one that would last longer than allowed (the clock was set back) is over too. */
export function isActive(silence: Silence, nowMs: number): boolean {
  return nowMs < silence.endMs && silence.endMs - nowMs <= longestSilenceMs;
}

/** The end of the silence that covers an alert longest; null when nothing does. */
export function silencedUntil(silences: readonly Silence[], alert: Matchable, nowMs: number): number | null {
  const ends = silences
    .filter((silence) => isActive(silence, nowMs) && parseMatcher(silence.matcher)(alert))
    .map(({ endMs }) => endMs);
  return ends.length === 0 ? null : Math.max(...ends);
}
