import { formatDecimal, powerOfTen } from '../../decimal.ts';
import type { OrderStatus } from '../../order-state.ts';
import { exactOf, exactScale } from '../../profile/exact.ts';
import { attributeOf } from '../attribute.ts';
import type { SourceInstrument } from '../catalog.ts';
import { filledOf, lifeOf as judgedLife, repeatedTrade } from '../order-life.ts';
import type { RawValue } from '../raw-value.ts';
import type { SourceRow, SourceStream } from '../source.ts';
import { tableRows } from '../table-rows.ts';
import { type FillPart, type Held, held, type Mapped, type OrderUnit, type RelatedRow } from '../unit.ts';
import { type EventsOfOrder, lifeOf, relatedStatus, sideOfEvents, statusOf } from './events.ts';
import { type FillsOfOrder, fillColumns, fillPart, instrumentOfFill, relatedFill, sideOfTrade } from './fills.ts';
import type { HummingbotFile } from './ports.ts';

const table = 'Order';
export const orderColumns = [
  'id',
  'market',
  'symbol',
  'base_asset',
  'quote_asset',
  'creation_timestamp',
  'last_update_timestamp',
  'order_type',
  'amount',
  'price',
  'last_status',
  'exchange_order_id',
  'config_file_path',
  'strategy',
  'leverage',
  'position',
] as const;

const at = (column: (typeof orderColumns)[number]): number => orderColumns.indexOf(column);
const [createdAt, updatedAt, typeAt, amountAt, priceAt] = [
  at('creation_timestamp'),
  at('last_update_timestamp'),
  at('order_type'),
  at('amount'),
  at('price'),
];
const [statusAt, venueIdAt, configAt, strategyAt] = [
  at('last_status'),
  at('exchange_order_id'),
  at('config_file_path'),
  at('strategy'),
];
const [leverageAt, positionAt] = [at('leverage'), at('position')];
const tradeTypeAt = fillColumns.indexOf('trade_type');
/** One of the scaled integers of the source, at the scale of exact values. */
const oneUnit = powerOfTen(exactScale - 6);

export interface OrderParts {
  readonly fillsOf: FillsOfOrder;
  readonly eventsOf: EventsOfOrder;
}

/** Orders with their fills and events. The row has no side: its events and fills tell it. */
export function orders(file: HummingbotFile, parts: OrderParts): SourceStream {
  return {
    name: 'orders',
    table,
    columns: orderColumns,
    rows: tableRows(file.schema, { table, columns: orderColumns, key: ['id'] }),
    mutable: true,
    externalId: (row) => String(row[0]),
    map: (row) => mapOrder(file, row, parts),
  };
}

function mapOrder(file: HummingbotFile, row: SourceRow, { fillsOf, eventsOf }: OrderParts): Mapped {
  const [id = null, market = null, symbol = null, base = null, quote = null] = row;
  const externalId = String(id);
  const fillRows = fillsOf.of(market, id);
  const eventRows = eventsOf.of(id);
  const related = [...fillRows.map(relatedFill), ...eventRows.map(relatedStatus)];
  const refuse = (...reason: [Held['reason'], string]): Held => held(externalId, ...reason, related);
  const type = String(row[typeAt]);
  if (type.startsWith('AMM_') && type !== 'AMM_SWAP') return refuse('not_an_order', type);
  if (fillRows.some((fill) => fill[tradeTypeAt] === 'RANGE'))
    return refuse('not_an_order', 'a position in a range of prices');
  const instrument = file.instrument(market, symbol, [base, quote]);
  if (instrument === undefined) return refuse('bad_text', 'market or symbol');
  const side = sideOfEvents(eventRows) ?? sideOfTrade(fillRows[0]?.[tradeTypeAt] ?? null);
  if (side === undefined) return refuse('side_unknown', 'neither its events nor fills tell it');
  const createdUs = file.time.readUnit(row[createdAt] ?? null, 'ms');
  if (Number.isNaN(createdUs))
    return refuse(file.time.outcome === 'time_out_of_range' ? 'time_out_of_range' : 'bad_time', 'creation_timestamp');
  const updatedUs = file.time.readUnit(row[updatedAt] ?? null, 'ms');
  const told = statusOf[String(row[statusAt])];
  if (told === undefined) return refuse('status_unknown', String(row[statusAt]));
  const fills = fillsFor(file, fillRows, { externalId, instrument, side, related });
  if ('kind' in fills) return fills;
  if (told === 'REJECTED' && fills.length > 0) return refuse('rejected_with_fill', 'OrderFailure');
  const { qty, status, note } = quantityOf(file, row[amountAt] ?? null, { told, fills });
  return {
    ...identity(file, row, { externalId, instrument }),
    ...shapeOf(file, row, { type, instrument }),
    side,
    qty,
    status,
    note,
    createdUs: Math.min(createdUs, fills[0]?.execUs ?? createdUs),
    updatedUs: Math.max(createdUs, Number.isNaN(updatedUs) ? 0 : updatedUs, fills.at(-1)?.execUs ?? 0),
    fills,
    events: lifeOf(file, eventRows, { status, fills: fills.length }),
    related: related.length === 0 ? undefined : related,
  };
}

function fillsFor(
  file: HummingbotFile,
  rows: readonly SourceRow[],
  order: { externalId: string; instrument: SourceInstrument; side: 1 | -1; related: readonly RelatedRow[] },
): FillPart[] | Held {
  const parts: FillPart[] = [];
  for (const row of rows) {
    if (sideOfTrade(row[tradeTypeAt] ?? null) !== order.side || instrumentOfFill(file, row) !== order.instrument) {
      return held(
        order.externalId,
        'wrong_parent',
        `fill ${String(row[2])} is of another side or instrument`,
        order.related,
      );
    }
    const part = fillPart(file, row, { owner: order.externalId, instrument: order.instrument });
    if ('kind' in part) return { ...part, related: order.related };
    parts.push(part);
  }
  const repeated = repeatedTrade(parts);
  if (repeated !== undefined) {
    return held(order.externalId, 'duplicate_conflict', `two fills are trade ${repeated}`, order.related);
  }
  return parts.sort((one, other) => one.execUs - other.execUs);
}

/** Each fill was cut to millionths, and so was the order: a completed order may lack one for each of its fills. */
function quantityOf(
  file: HummingbotFile,
  amount: RawValue,
  { told, fills }: { told: OrderStatus; fills: readonly FillPart[] },
): { qty: RawValue; status: OrderStatus; note: string | null } {
  const qty = file.number(amount);
  const filled = filledOf(fills);
  const missing = (exactOf(qty) ?? 0n) - filled;
  if (told === 'FILLED' && missing > 0n && missing <= oneUnit * BigInt(fills.length)) {
    file.notes.add(
      'completed orders of which the fills, cut to millionths, lack some: their quantity is what was filled',
    );
    return { qty: formatDecimal(filled, exactScale), status: told, note: `at the source ${String(qty)}` };
  }
  const life = judgedLife(told, qty, filled);
  if (life.note !== null) file.notes.add(`orders of which ${life.note}`);
  return { qty, ...life };
}

type Identity = Pick<
  OrderUnit,
  | 'kind'
  | 'externalId'
  | 'account'
  | 'instrument'
  | 'strategy'
  | 'clientOrderId'
  | 'venueOrderId'
  | 'parent'
  | 'attributes'
>;

function identity(
  file: HummingbotFile,
  row: SourceRow,
  { externalId, instrument }: { externalId: string; instrument: SourceInstrument },
): Identity {
  const venueId = row[venueIdAt] ?? null;
  return {
    kind: 'order',
    externalId,
    account: file.account(row[1] ?? null, row[0] ?? null),
    instrument,
    strategy: file.catalog.strategy(String(row[strategyAt]), String(row[configAt])),
    clientOrderId: externalId,
    venueOrderId: venueId === null || venueId === '' ? null : String(venueId),
    parent: undefined,
    attributes: { leverage: attributeOf(row[leverageAt] ?? null), position: attributeOf(row[positionAt] ?? null) },
  };
}

type Shape = Pick<OrderUnit, 'type' | 'tif' | 'postOnly' | 'reduceOnly' | 'price' | 'stopPrice'>;

/** A price of 0 stands for none. */
function shapeOf(
  file: HummingbotFile,
  row: SourceRow,
  { type, instrument }: { type: string; instrument: SourceInstrument },
): Shape {
  const isLimit = type === 'LIMIT' || type === 'LIMIT_MAKER';
  const price = file.precise(row[priceAt] ?? null, instrument);
  return {
    type: isLimit ? 'limit' : 'market',
    tif: 'GTC',
    postOnly: type === 'LIMIT_MAKER',
    reduceOnly: false,
    price: isLimit && exactOf(price) !== 0n ? price : null,
    stopPrice: null,
  };
}
