import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import type { BudgetedWrites, WriteStop } from './budgeted-writes.ts';
import { firstDayKept, unitsPerMs } from './due.ts';
import type { RetentionPolicy } from './policy.ts';

/** Whole days in UTC between two moments, in milliseconds since 1970; the first and the last may be cut. */
function daysBetween(fromMs: number, untilMs: number): { fromMs: number; untilMs: number }[] {
  const days: { fromMs: number; untilMs: number }[] = [];
  for (let at = fromMs; at < untilMs; ) {
    const end = Math.min(untilMs, (Math.floor(at / dayMs) + 1) * dayMs);
    days.push({ fromMs: at, untilMs: end });
    at = end;
  }
  return days;
}

export const dayMs = 86_400_000;

/** A moment as an exact value of the column. */
function columnTime(unit: RetentionPolicy['unit'], ms: number): SqlValue {
  if (unit === 'iso') return new Date(ms).toISOString().slice(0, 10);
  return BigInt(Math.round(ms * unitsPerMs(unit)));
}

/** The whole days, in milliseconds since 1970, from the oldest due value to the cutoff. ISO texts count by their own day. */
export function summaryRange(
  policy: RetentionPolicy,
  oldest: string,
  cutoffMs: number,
): { readonly fromMs: number; readonly untilMs: number } {
  if (policy.unit === 'iso') {
    return { fromMs: Date.parse(oldest.slice(0, 10)), untilMs: Date.parse(firstDayKept(policy, cutoffMs)) };
  }
  return { fromMs: Math.floor(Number(oldest) / unitsPerMs(policy.unit) / dayMs) * dayMs, untilMs: cutoffMs };
}

/**
 * Refuses a summary that would spoil what it has made: after an interruption it meets days of which some rows have left
 * already, and must then leave their summary alone.
 */
export function requireSummary({ table, summary }: RetentionPolicy): void {
  if (summary === undefined) return;
  const keeps = /^\s*INSERT\s+OR\s+IGNORE\b/i.test(summary) || /\bON\s+CONFLICT\b[^;]*\bDO\s+NOTHING\b/i.test(summary);
  if (keeps && summary.includes('@from') && summary.includes('@until')) return;
  throw new TradedbError('usage', `the summary of the policy of ${JSON.stringify(table)} is not safe to repeat`, {
    hint: 'write INSERT OR IGNORE INTO ... SELECT ... WHERE <time> >= @from AND <time> < @until',
  });
}

/**
 * Runs the statement of a policy that keeps an extract of rows before they leave, such as candles of ticks: a day in a
 * transaction, with @from and @until bound.
 */
export async function summariseDays(
  policy: RetentionPolicy,
  range: { readonly fromMs: number; readonly untilMs: number },
  writes: BudgetedWrites,
  context: OperationContext,
): Promise<{ readonly rows: number; readonly stoppedBy: WriteStop }> {
  const days = daysBetween(range.fromMs, range.untilMs);
  if (policy.summary === undefined || days.length === 0) return { rows: 0, stoppedBy: 'done' };
  const statement = writes.connection.prepare(policy.summary);
  const label = `summary of ${policy.table}`;
  const progress = context.progress.start({ id: 'summary', label, unit: 'steps', total: days.length });
  let done = 0;
  let rows = 0;
  try {
    const stoppedBy = await writes.run(
      () => {
        const day = days[done] as (typeof days)[number];
        const values = { from: columnTime(policy.unit, day.fromMs), until: columnTime(policy.unit, day.untilMs) };
        return { result: statement.run(values).changes, finished: done + 1 >= days.length };
      },
      {
        prepare: async () => {},
        committed: (changes) => {
          rows += changes;
          done += 1;
          progress.advance(1);
        },
        burst: () => {},
      },
    );
    return { rows, stoppedBy };
  } finally {
    progress.done();
  }
}
