import type { FactsRecorder, SourceRow, SourceStream } from '../source.ts';
import { held, type Mapped, type MarketUnit } from '../unit.ts';
import { unreadOf } from './candles.ts';
import { type Field, noField, textOf } from './field.ts';
import type { Bound } from './fields.ts';
import { badTime, type MappedPorts, noteTime } from './ports.ts';
import { Sequence } from './sequence.ts';
import { sideOf } from './words.ts';

type Fill = (unit: MarketUnit, row: SourceRow) => void;

/** Executions of the market. */
export function ticks(bound: Bound, ports: MappedPorts): SourceStream {
  const field = (name: string): Field => bound.fields[name] ?? noField;
  const [price, qty, side, id] = [field('price'), field('qty'), field('taker_side'), field('venue_trade_id')];
  const fill: Fill = (unit, row) => {
    const venueTradeId = id.value(row);
    unit.tick = {
      price: price.number(row),
      qty: qty.number(row),
      takerSide: sideOf(side.value(row)) ?? null,
      venueTradeId: venueTradeId === null ? null : textOf(venueTradeId),
    };
  };
  return marketStream(bound, ports, { fill, prices: [price], quantities: [qty] });
}

/** Best prices of the book; an empty or zero price is an empty side. */
export function quotes(bound: Bound, ports: MappedPorts): SourceStream {
  const field = (name: string): Field => bound.fields[name] ?? noField;
  const [bidPx, bidQty, askPx, askQty] = [field('bid_px'), field('bid_qty'), field('ask_px'), field('ask_qty')];
  const fill: Fill = (unit, row) => {
    const bid = presentPrice(bidPx, row);
    const ask = presentPrice(askPx, row);
    unit.quote = {
      bidPx: bid,
      bidQty: bid === null ? null : bidQty.number(row),
      askPx: ask,
      askQty: ask === null ? null : askQty.number(row),
    };
  };
  return marketStream(bound, ports, { fill, prices: [bidPx, askPx], quantities: [bidQty, askQty] });
}

function presentPrice(field: Field, row: SourceRow): ReturnType<Field['number']> {
  const value = field.number(row);
  return value === null || Number(value) === 0 ? null : value;
}

interface MarketShape {
  readonly fill: Fill;
  readonly prices: readonly Field[];
  readonly quantities: readonly Field[];
}

function marketStream(bound: Bound, ports: MappedPorts, { fill, prices, quantities }: MarketShape): SourceStream {
  const { fields, table } = bound;
  const time = fields.ts_us ?? noField;
  const sequence = new Sequence();
  let unit: MarketUnit | undefined;
  return {
    name: bound.name,
    table: table.name,
    columns: table.columns,
    rows: sequence.keptIn(table.rows),
    mutable: table.mutable,
    externalId: bound.externalId,
    map(row): Mapped {
      const defect = table.defect(row);
      if (defect !== undefined) return held(bound.externalId(row), defect.reason, defect.detail);
      const known = ports.names.instrument(fields, row);
      if (known === undefined) return held(bound.externalId(row), 'bad_text', ports.names.problem);
      const us = time.time(row, ports.time);
      if (Number.isNaN(us)) return held(bound.externalId(row), badTime(ports), textOf(time.raw(row)));
      noteTime(ports);
      unit ??= {
        kind: 'market',
        instrument: known.instrument,
        tsUs: 0,
        seq: 0,
        tick: undefined,
        quote: undefined,
        levels: [],
      };
      unit.instrument = known.instrument;
      unit.tsUs = us;
      unit.seq = sequence.next(known.instrument, us);
      fill(unit, row);
      if (ports.options.attributes) unit.attributes = unreadOf(bound, row);
      return unit;
    },
    facts: {
      rows: table.rows,
      take(row: SourceRow, recorder: FactsRecorder): void {
        const facts = table.defect(row) === undefined ? ports.names.instrument(fields, row)?.facts : undefined;
        if (facts === undefined) return;
        for (const price of prices) facts.price(price.number(row), recorder);
        for (const qty of quantities) facts.quantity(qty.number(row), recorder);
      },
    },
  };
}
