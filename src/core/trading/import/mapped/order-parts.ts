import type { Sign } from '../../units.ts';
import type { SourceInstrument } from '../catalog.ts';
import { eventsOf, repeatedTrade, type ToldStatus } from '../order-life.ts';
import type { SourceRow } from '../source.ts';
import { type EventPart, type FillPart, type Held, held, type RelatedRow } from '../unit.ts';
import { noField, textOf } from './field.ts';
import { type Bound, columnOf } from './fields.ts';
import { type FillFields, fillFields, fillOf } from './fills.ts';
import { badTime, type MappedPorts } from './ports.ts';
import type { JoinedTable } from './table.ts';
import { sideOf, statusOf } from './words.ts';

export interface FoundParts {
  readonly fills: readonly FillPart[];
  events(fills: readonly FillPart[]): EventPart[] | undefined;
  readonly related: readonly RelatedRow[];
}

/** Finds the fills and events of an order in their own tables. */
export class OrderParts {
  readonly #fills: Bound<JoinedTable> | undefined;
  readonly #events: Bound<JoinedTable> | undefined;
  readonly #ports: MappedPorts;
  readonly #fields: FillFields | undefined;

  constructor(fills: Bound<JoinedTable> | undefined, events: Bound<JoinedTable> | undefined, ports: MappedPorts) {
    this.#fills = fills;
    this.#events = events;
    this.#ports = ports;
    this.#fields = fills === undefined ? undefined : fillFields(fills.fields);
  }

  get hasFills(): boolean {
    return this.#fills !== undefined;
  }

  get hasEvents(): boolean {
    return this.#events !== undefined;
  }

  /** Held when a part cannot be mapped: an order enters whole. */
  of(externalId: string, order: { instrument: SourceInstrument; side: Sign }): FoundParts | Held {
    const fillRows = rowsOf(this.#fills, externalId);
    const eventRows = rowsOf(this.#events, externalId);
    const related = [...relatedOf(this.#fills, fillRows), ...relatedOf(this.#events, eventRows)];
    const fills: FillPart[] = [];
    for (const row of fillRows) {
      const fill = this.#fill(row, externalId, order);
      if ('kind' in fill) return { ...fill, related };
      fills.push(fill);
    }
    const repeated = repeatedTrade(fills);
    if (repeated !== undefined) {
      return held(externalId, 'duplicate_conflict', `two fills are trade ${repeated}`, related);
    }
    fills.sort((one, other) => one.execUs - other.execUs);
    const told = this.#told(eventRows, externalId);
    if ('kind' in told) return { ...told, related };
    return { fills, related, events: (taken) => (told.length === 0 ? undefined : eventsOf(told, taken)) };
  }

  #fill(row: SourceRow, externalId: string, order: { instrument: SourceInstrument; side: Sign }): FillPart | Held {
    const { fields, externalId: idOf } = this.#fills as Bound<JoinedTable>;
    const named =
      fields.symbol === undefined ? order.instrument : this.#ports.names.instrument(fields, row)?.instrument;
    if (named !== order.instrument)
      return held(externalId, 'wrong_parent', `fill ${idOf(row)} is of another instrument`);
    if (fields.side !== undefined && sideOf(fields.side.value(row)) !== order.side) {
      return held(externalId, 'wrong_parent', `fill ${idOf(row)} is of another side`);
    }
    const fill = fillOf(row, idOf(row), {
      fields: this.#fields as FillFields,
      ports: this.#ports,
      quote: order.instrument.quote,
    });
    return fill ?? held(externalId, badTime(this.#ports), `time of fill ${idOf(row)}`);
  }

  #told(rows: readonly SourceRow[], externalId: string): ToldStatus[] | Held {
    const fields = this.#events?.fields ?? {};
    const field = (name: string) => fields[name] ?? noField;
    const told: ToldStatus[] = [];
    for (const row of rows) {
      const status = statusOf(field('status').value(row));
      if (status === undefined) return held(externalId, 'status_unknown', textOf(field('status').raw(row)));
      const eventUs = field('event_us').time(row, this.#ports.time);
      if (Number.isNaN(eventUs)) return held(externalId, badTime(this.#ports), 'time of an event');
      const recvUs = field('recv_us').raw(row) === null ? eventUs : field('recv_us').time(row, this.#ports.time);
      if (Number.isNaN(recvUs)) return held(externalId, badTime(this.#ports), 'time of an event');
      const note = field('note').value(row);
      told.push({ status, eventUs, recvUs, note: note === null ? null : textOf(note) });
    }
    return told.sort((one, other) => one.eventUs - other.eventUs);
  }
}

/** Rows whose column `order` names this order. */
export function rowsOf(bound: Bound<JoinedTable> | undefined, order: string): readonly SourceRow[] {
  const column = bound === undefined ? undefined : columnOf(bound.stream, 'order');
  return bound === undefined || column === undefined ? [] : bound.table.find(column, order);
}

function relatedOf(bound: Bound<JoinedTable> | undefined, rows: readonly SourceRow[]): RelatedRow[] {
  if (bound === undefined) return [];
  return rows.map((row) => ({ table: bound.table.name, columns: bound.table.columns, row }));
}
