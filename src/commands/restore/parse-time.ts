import { TradedbError } from '../../core/error.ts';

/** Milliseconds since 1970 UTC. A time without a zone is refused: it means two things on two machines. */
export function parseTime(text: string): number {
  const form = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/;
  const time = form.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new TradedbError('usage', `${JSON.stringify(text)} is no time with a zone`, {
    hint: 'write it like 2026-03-14T08:14:00Z or 2026-03-14T09:14:00+01:00',
  });
}
