import { isPayment } from '../order-life.ts';
import type { HeldRows, SliceLimits, SourceKey, SourceStream, TotalsRecorder } from '../source.ts';
import type { FundingUnit, OrderUnit } from '../unit.ts';

const limits: SliceLimits = { rows: 10_000, ms: 1000 };
const counted: ReadonlySet<string> = new Set(['orders', 'fills', 'funding', 'locks', 'state']);

/**
 * Adds up what the source says about accounts by mapping its rows once more; what is held is left out. Rows of market
 * data are not counted: only their keys could tell which of them stand twice in a file.
 */
export function recordTotals(streams: readonly SourceStream[], record: TotalsRecorder, held: HeldRows): void {
  for (const stream of streams.filter(({ name }) => counted.has(name))) {
    const heldIds = new Set(held.ids(stream.name));
    let after: SourceKey | undefined;
    for (let isDone = false; !isDone; ) {
      const slice = stream.rows.read(after, limits, (row) => {
        if (heldIds.size > 0 && heldIds.has(stream.externalId(row))) return;
        const unit = stream.map(row);
        if (unit.kind === 'order') addOrder(unit, record);
        if (unit.kind === 'funding') addFunding(unit, record);
        if (unit.kind === 'lock') record.count('locks', {}, 1);
        if (unit.kind === 'state') record.count('state', {}, 1);
      });
      after = slice.last ?? after;
      isDone = slice.done;
    }
  }
}

function addFunding({ account, instrument, amount }: FundingUnit, record: TotalsRecorder): void {
  if (!isPayment(amount)) return;
  record.count('funding payments', { account, instrument }, 1);
  record.money('funding', { account, instrument, asset: instrument.quote }, amount);
}

/** One order with its fills. */
export function addOrder(unit: OrderUnit, record: TotalsRecorder): void {
  const { account, instrument, fills } = unit;
  const of = { account, instrument };
  record.count('orders', of, 1);
  if (fills.length > 0) record.count('fills', of, fills.length);
  for (const fill of fills) {
    record.quantity(unit.side === 1 ? 'bought' : 'sold', of, fill.qty);
    if (fill.notional !== undefined) record.money('notional', { ...of, asset: instrument.quote }, fill.notional);
    for (const { asset, amount } of fill.fees) record.money('fees', { account, instrument, asset }, amount);
  }
}
