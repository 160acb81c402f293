import type { OrderStatus } from '../../order-state.ts';
import { exactOf } from '../../profile/exact.ts';
import { filledOf, lifeOf } from '../order-life.ts';
import type { RawValue } from '../raw-value.ts';
import type { SourceRow, SourceStream } from '../source.ts';
import { type FillPart, type Held, held, type Mapped, type OrderUnit } from '../unit.ts';
import { unreadOf } from './candles.ts';
import { type Field, noField, textOf } from './field.ts';
import type { Bound } from './fields.ts';
import type { OrderParts } from './order-parts.ts';
import { badTime, type MappedPorts, noteTime } from './ports.ts';
import { forceOf, isYes, sideOf, statusOf, typeOf } from './words.ts';

/** Orders with the fills and events that belong to them. */
export function orders(bound: Bound, parts: OrderParts, ports: MappedPorts): SourceStream {
  const { table } = bound;
  const mapper = new OrderMapper(bound, parts, ports);
  return {
    name: 'orders',
    table: table.name,
    columns: table.columns,
    rows: table.rows,
    mutable: true,
    externalId: bound.externalId,
    map: (row) => mapper.map(row),
  };
}

class OrderMapper {
  readonly #bound: Bound;
  readonly #parts: OrderParts;
  readonly #ports: MappedPorts;

  constructor(bound: Bound, parts: OrderParts, ports: MappedPorts) {
    this.#bound = bound;
    this.#parts = parts;
    this.#ports = ports;
  }

  map(row: SourceRow): Mapped {
    const { fields, table } = this.#bound;
    const externalId = this.#bound.externalId(row);
    const defect = table.defect(row);
    if (defect !== undefined) return held(externalId, defect.reason, defect.detail);
    const instrument = this.#ports.names.instrument(fields, row)?.instrument;
    if (instrument === undefined) return held(externalId, 'bad_text', this.#ports.names.problem);
    const side = sideOf(this.#field('side').value(row));
    if (side === undefined) return held(externalId, 'side_unknown', textOf(this.#field('side').raw(row)));
    const createdUs = this.#time('created_us', row);
    if (Number.isNaN(createdUs))
      return held(externalId, badTime(this.#ports), textOf(this.#field('created_us').raw(row)));
    const updated = this.#has('updated_us', row) ? this.#time('updated_us', row) : createdUs;
    if (Number.isNaN(updated))
      return held(externalId, badTime(this.#ports), textOf(this.#field('updated_us').raw(row)));
    const found = this.#parts.of(externalId, { instrument, side });
    if ('kind' in found) return found;
    const fills = this.#parts.hasFills ? found.fills : this.#synthetic(row, externalId, updated);
    const life = this.#life(row, externalId, fills);
    if ('kind' in life) return { ...life, related: found.related };
    const last = fills.at(-1)?.execUs ?? 0;
    return {
      ...this.#unit(row, externalId),
      instrument,
      side,
      createdUs,
      fills,
      ...life,
      updatedUs: Math.max(createdUs, updated, last),
      account: this.#ports.names.account(fields, row, instrument.venue),
      events: this.#parts.hasEvents ? found.events(fills) : undefined,
      related: found.related.length === 0 ? undefined : found.related,
    };
  }

  #unit(
    row: SourceRow,
    externalId: string,
  ): Omit<
    OrderUnit,
    'instrument' | 'side' | 'createdUs' | 'updatedUs' | 'fills' | 'status' | 'note' | 'account' | 'events' | 'related'
  > {
    const price = this.#price('price', row);
    const { type, postOnly } = typeOf(this.#field('type').value(row), price);
    const text = (name: string): string | null => {
      const value = this.#field(name).value(row);
      return value === null || value === '' ? null : textOf(value);
    };
    return {
      kind: 'order',
      externalId,
      strategy: this.#ports.names.strategy(this.#bound.fields, row),
      clientOrderId: text('client_order_id') ?? externalId,
      venueOrderId: text('venue_order_id'),
      parent: text('parent') ?? undefined,
      type,
      tif: forceOf(this.#field('tif').value(row)),
      postOnly: postOnly || isYes(this.#field('post_only').value(row)),
      reduceOnly: isYes(this.#field('reduce_only').value(row)),
      price: type === 'market' ? null : price,
      stopPrice: this.#price('stop_price', row),
      qty: this.#field('qty').number(row),
      attributes: unreadOf(this.#bound, row),
    };
  }

  /** Sources without fills keep totals. */
  #synthetic(row: SourceRow, externalId: string, updatedUs: number): FillPart[] {
    const qty = this.#field('filled_qty').number(row);
    if (qty === null || exactOf(qty) === 0n) return [];
    const average = this.#price('average_price', row);
    const fee = this.#field('fee').number(row);
    const asset = this.#field('fee_asset').value(row);
    return [
      {
        externalId,
        venueTradeId: `order-${externalId}`,
        price: average ?? this.#price('price', row),
        qty,
        notional: undefined,
        fees:
          fee === null || asset === null || fee instanceof Uint8Array ? [] : [{ asset: textOf(asset), amount: fee }],
        liquidity: null,
        execUs: updatedUs,
        synthetic: true,
      },
    ];
  }

  #life(
    row: SourceRow,
    externalId: string,
    fills: readonly FillPart[],
  ): { status: OrderStatus; note: string | null } | Held {
    const filled = filledOf(fills);
    const qty = this.#field('qty').number(row);
    const told = this.#field('status').raw(row);
    const status = told === null ? this.#impliedStatus(row, filled, qty) : statusOf(this.#field('status').value(row));
    if (status === undefined) return held(externalId, 'status_unknown', told === null ? 'no status' : textOf(told));
    if (status === 'REJECTED' && filled > 0n) return held(externalId, 'rejected_with_fill');
    const note = this.#field('note').value(row);
    const life = lifeOf(status, qty, filled);
    if (life.note !== null) this.#ports.notes.add(`orders of which ${life.note}`);
    return { status: life.status, note: note === null ? life.note : textOf(note) };
  }

  #impliedStatus(row: SourceRow, filled: bigint, qty: RawValue): OrderStatus | undefined {
    if (this.#has('is_open', row)) return isYes(this.#field('is_open').value(row)) ? 'NEW' : 'FILLED';
    return filled > 0n && filled === exactOf(qty) ? 'FILLED' : undefined;
  }

  /** A price of zero is none. */
  #price(name: string, row: SourceRow): RawValue {
    const value = this.#field(name).number(row);
    return value !== null && exactOf(value) === 0n ? null : value;
  }

  #field(name: string): Field {
    return this.#bound.fields[name] ?? noField;
  }

  #has(name: string, row: SourceRow): boolean {
    const value = this.#field(name).raw(row);
    return value !== null && value !== '';
  }

  #time(name: string, row: SourceRow): number {
    const us = this.#field(name).time(row, this.#ports.time);
    noteTime(this.#ports);
    return us;
  }
}
