import { absolute, formatDecimal } from '../decimal.ts';
import { relativeChecks } from './target-totals.ts';
import type { Total, Totals } from './totals.ts';

/** One figure of the source beside the same figure of the target. Values are decimal text, or counts. */
export interface Reconciled {
  readonly check: string;
  readonly account: string | null;
  readonly instrument: string | null;
  readonly asset: string | null;
  readonly source: string;
  readonly target: string;
  readonly difference: string;
  readonly tolerance: string;
  readonly passed: boolean;
}

/** Part of what was traded by which a profit may differ: the source computes in REAL. */
const relative = 1_000_000_000n;
/** Rows of other sources may be there too. */
const atLeast: ReadonlySet<string> = new Set(['candles', 'ticks', 'quotes']);

/** Compares figure by figure, each that the source gives; one that is missing in the target counts as zero there. */
export function reconcile(source: Totals, target: Totals): Reconciled[] {
  const results: Reconciled[] = [];
  for (const [key, total] of source.entries()) results.push(compare(total, target.get(key), turnoverOf(source, total)));
  for (const [key, total] of target.entries()) {
    if (source.get(key) === undefined && source.has(total.check)) results.push(compare(undefined, total, 0n));
  }
  return results;
}

function turnoverOf(totals: Totals, total: Total): bigint {
  if (!relativeChecks.has(total.check as never)) return 0n;
  for (const [, other] of totals.entries()) {
    if (other.check === 'notional' && other.account === total.account && other.instrument === total.instrument) {
      return absolute(other.value);
    }
  }
  return 0n;
}

function compare(source: Total | undefined, target: Total | undefined, turnover: bigint): Reconciled {
  const known = (source ?? target) as Total;
  const [wanted, found] = [source?.value ?? 0n, target?.value ?? 0n];
  const tolerance = (source?.tolerance ?? 0n) + turnover / relative;
  const difference = found - wanted;
  const text = (value: bigint): string => formatDecimal(value, known.scale);
  const passed = atLeast.has(known.check) ? found >= wanted : absolute(difference) <= tolerance;
  return {
    check: known.check,
    account: known.account,
    instrument: known.instrument,
    asset: known.asset,
    source: text(wanted),
    target: text(found),
    difference: text(difference),
    tolerance: text(tolerance),
    passed,
  };
}
