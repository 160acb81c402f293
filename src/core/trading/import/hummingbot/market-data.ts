import { scaledText } from '../../mapping/scaled-text.ts';
import type { RawValue } from '../raw-value.ts';
import type { SourceStream } from '../source.ts';
import { tableRows } from '../table-rows.ts';
import { held, type Mapped, type MarketLevel, type MarketUnit } from '../unit.ts';
import type { HummingbotFile } from './ports.ts';

export const marketTable = 'MarketData';
const columns = ['timestamp', 'exchange', 'trading_pair', 'best_bid', 'best_ask', 'order_book'] as const;
const scale = 6;

interface Entry {
  readonly price: RawValue;
  readonly qty: RawValue;
}

interface Book {
  readonly bid: readonly Entry[];
  readonly ask: readonly Entry[];
}

/** Snapshots of the book. Their key is a time in milliseconds, times 10^6: nanoseconds, beyond 2^53. */
export function marketData(file: HummingbotFile): SourceStream {
  let unit: MarketUnit | undefined;
  return {
    name: 'quotes',
    table: marketTable,
    columns,
    rows: tableRows(file.schema, { table: marketTable, columns, key: ['timestamp'] }),
    mutable: false,
    externalId: (row) => String(row[0]),
    map(row): Mapped {
      const [timestamp = null, exchange = null, pair = null, bid = null, ask = null, json = null] = row;
      const externalId = String(timestamp);
      const tsUs = file.time.readUnit(timestamp, 'ns');
      if (Number.isNaN(tsUs)) {
        return held(
          externalId,
          file.time.outcome === 'time_out_of_range' ? 'time_out_of_range' : 'bad_time',
          externalId,
        );
      }
      const instrument = file.instrument(exchange, pair);
      if (instrument === undefined) return held(externalId, 'bad_text', 'exchange or trading_pair');
      const book = bookOf(json);
      if (book === undefined) return held(externalId, 'bad_json', 'order_book');
      const bidPx = bestPrice(bid, book.bid[0]);
      const askPx = bestPrice(ask, book.ask[0]);
      if (bidPx === null && askPx === null) return { kind: 'nothing' };
      unit ??= { kind: 'market', instrument, tsUs, seq: 0, tick: undefined, quote: undefined, levels: [] };
      unit.instrument = instrument;
      unit.tsUs = tsUs;
      unit.quote = {
        bidPx,
        bidQty: bidPx === null ? null : (book.bid[0]?.qty ?? null),
        askPx,
        askQty: askPx === null ? null : (book.ask[0]?.qty ?? null),
      };
      unit.levels = levelsOf(book);
      return unit;
    },
  };
}

/** The column is cut to millionths; the first entry of the book has all of its digits, when it is the same price. */
function bestPrice(best: RawValue, top: Entry | undefined): RawValue {
  const units = Number(best);
  if (best === null || units === 0) return null;
  if (typeof top?.price === 'number' && Math.abs(Math.trunc(top.price * 10 ** scale) - units) <= 1) return top.price;
  return scaledText(best, scale) ?? `${String(best)} is not whole`;
}

function levelsOf({ bid, ask }: Book): MarketLevel[] {
  const levels: MarketLevel[] = [];
  for (let index = 1; index < Math.max(bid.length, ask.length); index += 1) {
    levels.push({
      level: index + 1,
      bidPx: bid[index]?.price ?? null,
      bidQty: bid[index]?.qty ?? null,
      askPx: ask[index]?.price ?? null,
      askQty: ask[index]?.qty ?? null,
    });
  }
  return levels;
}

/** `{bid: [[price, amount, update id], ...], ask: ...}`; undefined when it is not of that form. No book is an empty one. */
function bookOf(json: RawValue): Book | undefined {
  if (json === null) return { bid: [], ask: [] };
  if (typeof json !== 'string') return undefined;
  try {
    const told = JSON.parse(json) as Partial<Record<'bid' | 'ask', unknown>> | null;
    const bid = entriesOf(told?.bid);
    const ask = entriesOf(told?.ask);
    return bid === undefined || ask === undefined ? undefined : { bid, ask };
  } catch {
    return undefined;
  }
}

function entriesOf(told: unknown): Entry[] | undefined {
  if (told === undefined || told === null) return [];
  if (!Array.isArray(told)) return undefined;
  const entries: Entry[] = [];
  for (const entry of told as unknown[]) {
    const [price, qty] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (!isNumber(price) || !isNumber(qty)) return undefined;
    entries.push({ price, qty });
  }
  return entries;
}

const isNumber = (value: unknown): value is number | string => typeof value === 'number' || typeof value === 'string';
