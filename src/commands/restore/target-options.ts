import { TradedbError } from '../../core/error.ts';
import type { WantedState } from '../../core/restore/resolve-target.ts';
import { parseTime } from './parse-time.ts';

/** Which state is wanted; the commands of restore share these. */
export const targetOptions = {
  toLatest: { type: 'flag', summary: 'the newest state there is (the default)', group: 'What to restore' },
  toTime: {
    type: 'text',
    value: 'time',
    summary: 'the last state not after this moment: ISO 8601 with a zone, such as 2026-03-14T08:14:00Z',
    group: 'What to restore',
  },
  toTx: {
    type: 'text',
    value: 'n[@epoch]',
    summary: 'the state after this archived commit; without an epoch, of the newest one',
    group: 'What to restore',
  },
  toMark: { type: 'text', value: 'name', summary: 'the archived commit with this mark', group: 'What to restore' },
  backup: { type: 'text', value: 'id', summary: 'this backup, as in the list', group: 'What to restore' },
  before: {
    type: 'flag',
    summary: 'stop just before that moment, commit or mark instead of behind it',
    group: 'What to restore',
  },
} as const;

interface Given {
  readonly toLatest: boolean;
  readonly toTime: string | undefined;
  readonly toTx: string | undefined;
  readonly toMark: string | undefined;
  readonly backup: string | undefined;
  readonly before: boolean;
}

/** Throws `usage` when several are given, or a time without a zone. */
export function restoreTargetOf(given: Given): WantedState {
  const named = [given.toLatest ? 'latest' : undefined, given.toTime, given.toTx, given.toMark, given.backup].filter(
    (one) => one !== undefined,
  );
  if (named.length > 1)
    throw new TradedbError('usage', 'give one of --to-latest, --to-time, --to-tx, --to-mark and --backup');
  const { before } = given;
  if (given.toTime !== undefined) return { kind: 'time', time: parseTime(given.toTime) - (before ? 1 : 0) };
  if (given.toTx !== undefined) return parseCommit(given.toTx, before);
  if (given.toMark !== undefined) return { kind: 'mark', name: given.toMark, before };
  if (before) throw new TradedbError('usage', '--before needs --to-time, --to-tx or --to-mark');
  return given.backup === undefined ? { kind: 'latest' } : { kind: 'backup', id: given.backup };
}

function parseCommit(text: string, before: boolean): WantedState {
  const match = /^([1-9][\d_,]*)(?:@([0-9a-f]{2,8}))?$/.exec(text);
  if (match === null) {
    throw new TradedbError('usage', `${JSON.stringify(text)} is no number of a commit`, {
      hint: 'write it like 48112 or 48112@5d21',
    });
  }
  const tx = Number((match[1] ?? '').replace(/[_,]/g, '')) - (before ? 1 : 0);
  if (tx > 0) return { kind: 'tx', tx, epoch: match[2] ?? null };
  throw new TradedbError('usage', 'before the first archived commit lies the backup that it builds on', {
    hint: 'restore that one with --backup: tradedb backup list',
  });
}
