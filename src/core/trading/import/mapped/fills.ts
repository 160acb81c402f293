import { builtOrder } from '../built-order.ts';
import { repeatedTrade } from '../order-life.ts';
import type { SourceRow, SourceStream } from '../source.ts';
import { type FillPart, held, type Mapped } from '../unit.ts';
import { type Field, noField, textOf } from './field.ts';
import { type Bound, columnOf } from './fields.ts';
import type { Fields } from './names.ts';
import { badTime, type MappedPorts, noteTime } from './ports.ts';
import type { JoinedTable } from './table.ts';
import { sideOf } from './words.ts';

const fillColumns = [
  'venue_trade_id',
  'price',
  'qty',
  'notional',
  'fee',
  'fee_asset',
  'liquidity',
  'exec_us',
  'order',
] as const;
export type FillFields = Readonly<Record<(typeof fillColumns)[number], Field>>;

export function fillFields(fields: Fields): FillFields {
  return Object.fromEntries(fillColumns.map((name) => [name, fields[name] ?? noField])) as FillFields;
}

interface FillPorts {
  readonly fields: FillFields;
  readonly ports: MappedPorts;
  /** The fee is paid in it where the row names no asset. */
  readonly quote: string;
}

/** One execution; undefined when its time is none. */
export function fillOf(row: SourceRow, externalId: string, { fields, ports, quote }: FillPorts): FillPart | undefined {
  const execUs = fields.exec_us.time(row, ports.time);
  if (Number.isNaN(execUs)) return undefined;
  noteTime(ports);
  const trade = fields.venue_trade_id.value(row);
  const fee = fields.fee.number(row);
  const asset = fields.fee_asset.value(row);
  const notional = fields.notional.number(row);
  return {
    externalId,
    venueTradeId: trade === null || trade === '' ? externalId : textOf(trade),
    price: fields.price.number(row),
    qty: fields.qty.number(row),
    notional: notional === null ? undefined : notional,
    fees:
      fee === null || fee === '' || fee instanceof Uint8Array
        ? []
        : [{ asset: asset === null || asset === '' ? quote : textOf(asset), amount: fee }],
    liquidity: liquidityOf(fields.liquidity, row),
    execUs,
    synthetic: false,
  };
}

function liquidityOf(field: Field, row: SourceRow): 'M' | 'T' | null {
  const value = field.value(row);
  const word = value === null ? '' : textOf(value).toLowerCase();
  return word.startsWith('m') ? 'M' : word.startsWith('t') ? 'T' : null;
}

/** A source that keeps fills alone: the first fill of an order brings the order, with all of its fills. */
export function ordersOfFills(bound: Bound<JoinedTable>, ports: MappedPorts): SourceStream {
  const { table, fields } = bound;
  const parts = fillFields(fields);
  return {
    name: 'fills',
    table: table.name,
    columns: table.columns,
    rows: table.rows,
    mutable: true,
    externalId: bound.externalId,
    map(row): Mapped {
      const externalId = bound.externalId(row);
      const defect = table.defect(row);
      if (defect !== undefined) return held(externalId, defect.reason, defect.detail);
      const siblings = siblingsOf(bound, row);
      const first = siblings[0] ?? row;
      if (bound.externalId(first) !== externalId) return { kind: 'part', entity: 'fill', externalId };
      return orderOf(siblings, { bound, parts, ports });
    },
  };
}

/** All fills of the order of this one, in the order of the source. Without an order a fill stands alone. */
function siblingsOf(bound: Bound<JoinedTable>, row: SourceRow): readonly SourceRow[] {
  const column = columnOf(bound.stream, 'order');
  const id = bound.fields.order?.raw(row) ?? null;
  if (column === undefined || id === null || id === '') return [row];
  const rows = bound.table.find(column, id).filter((each) => bound.table.defect(each) === undefined);
  const symbol = bound.fields.symbol?.raw(row) ?? null;
  // A venue gives the ids of orders for each instrument.
  const ofSymbol = rows.filter((each) => (bound.fields.symbol?.raw(each) ?? null) === symbol);
  return ofSymbol.length === 0 ? [row] : ofSymbol;
}

interface BuiltFrom {
  readonly bound: Bound<JoinedTable>;
  readonly parts: FillFields;
  readonly ports: MappedPorts;
}

function orderOf(rows: readonly SourceRow[], { bound, parts, ports }: BuiltFrom): Mapped {
  const [row] = rows as [SourceRow];
  const externalId = bound.externalId(row);
  const related = rows.slice(1).map((each) => ({ table: bound.table.name, columns: bound.table.columns, row: each }));
  const instrument = ports.names.instrument(bound.fields, row)?.instrument;
  if (instrument === undefined) return held(externalId, 'bad_text', ports.names.problem, related);
  const sideField = bound.fields.side ?? noField;
  const side = sideOf(sideField.value(row));
  if (side === undefined) return held(externalId, 'side_unknown', textOf(sideField.raw(row)), related);
  const fills: FillPart[] = [];
  for (const each of rows) {
    if (sideOf(sideField.value(each)) !== side) return held(externalId, 'wrong_parent', 'fills of both sides', related);
    const fill = fillOf(each, bound.externalId(each), { fields: parts, ports, quote: instrument.quote });
    if (fill === undefined) return held(externalId, badTime(ports), `time of fill ${bound.externalId(each)}`, related);
    fills.push(fill);
  }
  const repeated = repeatedTrade(fills);
  if (repeated !== undefined) return held(externalId, 'duplicate_conflict', `two fills are trade ${repeated}`, related);
  fills.sort((one, other) => one.execUs - other.execUs);
  const id = parts.order.value(row);
  return builtOrder({
    externalId,
    fills,
    instrument,
    side,
    related: related.length === 0 ? undefined : related,
    account: ports.names.account(bound.fields, row, instrument.venue),
    strategy: ports.names.strategy(bound.fields, row),
    venueOrderId: id === null || id === '' ? null : textOf(id),
  });
}
