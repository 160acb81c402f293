import type { OperationContext, ProgressTask } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import type { Facts } from './facts.ts';
import type { ImportState } from './import-state.ts';
import type { SliceLimits, SourceKey, SourceRow, SourceStream } from './source.ts';
import type { Mapped, OrderUnit } from './unit.ts';

/**
 * Looks at the rows that have not been read yet, so that new instruments and assets get the scales that their numbers
 * need. Nothing is written.
 */
export async function scanStreams(
  streams: readonly SourceStream[],
  state: Pick<ImportState, 'stream'>,
  facts: Facts,
  { limits, task, context }: { limits: SliceLimits; task: ProgressTask; context: OperationContext },
): Promise<void> {
  for (const stream of streams) {
    const { lastKey } = state.stream(stream.name);
    // Rows of their own tell of the whole source: only a first run needs that.
    const own = lastKey === undefined ? stream.facts : undefined;
    const rows = own?.rows ?? stream.rows;
    const take = own?.take ?? ((row: SourceRow) => factsOf(stream.map(row), facts));
    let after: SourceKey | undefined = lastKey;
    for (;;) {
      await rows.prepare?.(after, limits);
      const slice = rows.read(after, limits, (row) => take(row, facts));
      task.advance(slice.rows);
      after = slice.last ?? after;
      await new Promise<void>((resolve) => context.clock.defer(resolve));
      throwIfCancelled(context.signal);
      if (slice.done || slice.last === undefined) break;
    }
  }
}

function factsOf(mapped: Mapped, facts: Facts): void {
  switch (mapped.kind) {
    case 'order':
      orderFacts(mapped, facts);
      return;
    case 'funding':
      facts.money(mapped.instrument.quote, mapped.amount);
      return;
    case 'candle':
      for (const price of [mapped.open, mapped.high, mapped.low, mapped.close]) facts.price(mapped.instrument, price);
      facts.quantity(mapped.instrument, mapped.volume);
      if (mapped.quoteVolume !== null) facts.money(mapped.instrument.quote, mapped.quoteVolume);
      return;
    case 'market':
      if (mapped.tick !== undefined) {
        facts.price(mapped.instrument, mapped.tick.price);
        facts.quantity(mapped.instrument, mapped.tick.qty);
      }
      for (const side of mapped.quote === undefined ? mapped.levels : [mapped.quote, ...mapped.levels]) {
        facts.price(mapped.instrument, side.bidPx);
        facts.price(mapped.instrument, side.askPx);
        facts.quantity(mapped.instrument, side.bidQty);
        facts.quantity(mapped.instrument, side.askQty);
      }
      return;
    default:
  }
}

function orderFacts(order: OrderUnit, facts: Facts): void {
  const { instrument } = order;
  facts.price(instrument, order.price);
  facts.price(instrument, order.stopPrice);
  facts.quantity(instrument, order.qty);
  for (const fill of order.fills) {
    facts.quantity(instrument, fill.qty);
    if (!fill.synthetic) facts.price(instrument, fill.price);
    facts.money(instrument.quote, Number(fill.price) * Number(fill.qty));
    for (const fee of fill.fees) facts.money(fee.asset, fee.amount);
  }
}
