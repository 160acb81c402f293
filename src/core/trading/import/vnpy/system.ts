import { columnFates } from '../column-fates.ts';
import type { ReaderPorts, SourceReader, SourceSystem } from '../source.ts';
import { bars } from './bars.ts';
import { detectVnpy } from './detect.ts';
import { VnpyInstruments } from './instruments.ts';
import { tickExtras, ticks } from './ticks.ts';
import { VnpyTimes } from './times.ts';
import { countCandles, countTicks } from './totals.ts';

const rowId = 'dropped: a row that is written again gets another id';

/** The market database of vn.py: bars and ticks. It keeps no orders. */
export const vnpySystem: SourceSystem = {
  name: 'vnpy',
  detect: detectVnpy,
  open(ports: ReaderPorts): SourceReader {
    const { schema, notes } = ports;
    const times = new VnpyTimes(ports.options.timezone, notes);
    const instruments = new VnpyInstruments(schema, ports.catalog, ports.options);
    const hasBars = schema.has('dbbardata', 'open_price');
    const hasTicks = schema.has('dbtickdata', 'last_price');
    const of = { schema, instruments, times, notes };
    return {
      streams: [
        ...(hasBars ? [bars(ports, instruments, times)] : []),
        ...(hasTicks ? [ticks(ports, instruments, times)] : []),
      ],
      columns: columnFates(schema, {
        dbbardata: barFates,
        dbtickdata: tickFates(ports.options.attributes),
        dbbaroverview: { '*': 'derived: compared with the rows' },
        dbtickoverview: { '*': 'dropped: counts of the ticks' },
      }),
      totals(record, held): void {
        if (hasBars) countCandles(of, record, held);
        if (hasTicks) countTicks(of, record, held);
      },
    };
  },
};

const barFates = {
  id: rowId,
  symbol: 'instruments.symbol',
  exchange: 'venues.code',
  datetime: 'candles.open_us',
  interval: 'candles.interval_s',
  volume: 'candles.volume',
  turnover: 'candles.quote_volume',
  open_interest: 'candles.open_interest',
  open_price: 'candles.open',
  high_price: 'candles.high',
  low_price: 'candles.low',
  close_price: 'candles.close',
};

const bookFate = (column: string): string => {
  const [side, what, level] = column.split('_');
  const target = `${side}_${what === 'price' ? 'px' : 'qty'}`;
  return level === '1' ? `quotes.${target}` : `quote_levels.${target}`;
};

function tickFates(keepsExtras: boolean): Record<string, string> {
  const book = [1, 2, 3, 4, 5].flatMap((level) =>
    ['bid_price', 'bid_volume', 'ask_price', 'ask_volume'].map((side) => `${side}_${level}`),
  );
  return {
    id: rowId,
    symbol: 'instruments.symbol',
    exchange: 'venues.code',
    datetime: 'ticks.ts_us',
    last_price: 'ticks.price',
    volume: 'derived: its increase is the quantity of a tick',
    last_volume: 'ticks.qty',
    ...Object.fromEntries(book.map((column) => [column, bookFate(column)])),
    ...Object.fromEntries(
      tickExtras.map((column) => [column, keepsExtras ? 'attribute' : 'dropped: no place; --attributes keeps it']),
    ),
  };
}
