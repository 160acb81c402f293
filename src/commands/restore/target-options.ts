import { TradedbError } from '../../core/error.ts';
import type { RestoreTarget } from '../../core/restore/select.ts';

/** Which state is wanted; the commands of restore share these. */
export const targetOptions = {
  toLatest: { type: 'flag', summary: 'the newest state there is (the default)', group: 'What to restore' },
  toTime: {
    type: 'text',
    value: 'time',
    summary: 'the newest state not after this moment: ISO 8601 with a zone, such as 2026-03-14T08:14:00Z',
    group: 'What to restore',
  },
  backup: { type: 'text', value: 'id', summary: 'this backup, as in the list', group: 'What to restore' },
} as const;

interface Given {
  readonly toLatest: boolean;
  readonly toTime: string | undefined;
  readonly backup: string | undefined;
}

/** Throws `usage` when several are given, or a time without a zone. */
export function restoreTargetOf(given: Given): RestoreTarget {
  const named = [given.toLatest ? 'latest' : undefined, given.toTime, given.backup].filter((one) => one !== undefined);
  if (named.length > 1) throw new TradedbError('usage', 'give one of --to-latest, --to-time and --backup');
  if (given.backup !== undefined) return { kind: 'backup', id: given.backup };
  if (given.toTime !== undefined) return { kind: 'time', time: parseTime(given.toTime) };
  return { kind: 'latest' };
}

/** Milliseconds since 1970 UTC. A time without a zone is refused: it means two things on two machines. */
export function parseTime(text: string): number {
  const form = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/;
  const time = form.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new TradedbError('usage', `${JSON.stringify(text)} is no time with a zone`, {
    hint: 'write it like 2026-03-14T08:14:00Z or 2026-03-14T09:14:00+01:00',
  });
}
