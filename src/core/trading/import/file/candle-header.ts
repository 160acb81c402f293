import { basename, extname } from 'node:path';
import { TradedbError } from '../../../error.ts';
import type { ColumnSource, Mapping } from '../../mapping/mapping.ts';
import { SourceTime } from '../../mapping/source-time.ts';
import type { MappedTable } from '../mapped/table.ts';
import { intervalOf } from '../mapped/words.ts';

/** Names of columns in files of candles, in lower case and without spaces and underscores. */
const names = {
  open_us: ['time', 'timestamp', 'datetime', 'date', 'opentime', 'ts', 't', 'start', 'starttime', 'unix'],
  open: ['open', 'o', 'openprice'],
  high: ['high', 'h', 'highprice'],
  low: ['low', 'l', 'lowprice'],
  close: ['close', 'c', 'closeprice'],
  volume: ['volume', 'v', 'vol', 'basevolume'],
  quote_volume: ['quotevolume', 'quoteassetvolume', 'turnover'],
  trades: ['trades', 'count', 'numberoftrades', 'tradecount'],
  open_interest: ['openinterest'],
  symbol: ['symbol', 'ticker', 'pair', 'instrument'],
  interval_s: ['interval', 'timeframe', 'period'],
} as const;

const needed = ['open_us', 'open', 'high', 'low', 'close', 'volume'] as const;
const intervalInName = /[-_ ](\d{0,4}(?:m|min|h|d|w|day))$/i;
const rowsLookedAt = 1000;

/** The mapping that a header of candles is by itself. Throws `usage` when it is none. */
export async function mappingOfCandles(path: string, table: MappedTable, zone: string | undefined): Promise<Mapping> {
  const columns: Record<string, ColumnSource> = {};
  for (const [column, known] of Object.entries(names)) {
    const found = known
      .map((name) => table.columns.find((each) => plain(each) === name))
      .find((each) => each !== undefined);
    if (found !== undefined) columns[column] = found;
  }
  const lacking = needed.filter((column) => columns[column] === undefined);
  if (lacking.length > 0) {
    const has = table.columns.filter((each) => !table.ownColumns.includes(each));
    throw new TradedbError(
      'usage',
      `${JSON.stringify(basename(path))} is no file of candles: ${lacking.join(', ')} missing`,
      {
        hint: `a mapping file says what ${has.slice(0, 12).join(', ')} mean: --mapping <file>`,
      },
    );
  }
  const stem = basename(path, extname(path));
  const suffix = intervalInName.exec(stem);
  columns.symbol ??= { value: suffix === null ? stem : stem.slice(0, suffix.index) };
  columns.interval_s ??= {
    value: intervalOf(suffix?.[1] ?? null) ?? (await smallestStep(table, columns.open_us, zone)),
  };
  return {
    tradedbMapping: 1,
    name: 'candles',
    detect: {},
    streams: { candles: { from: '*', key: [...table.key], columns } },
  };
}

const plain = (column: string): string => column.toLowerCase().replace(/[\s_]/g, '');

/** Seconds between the two rows that lie closest together. */
async function smallestStep(
  table: MappedTable,
  source: ColumnSource | undefined,
  zone: string | undefined,
): Promise<number> {
  const at = table.columns.indexOf(String(source));
  const time = new SourceTime(zone ?? 'UTC');
  const times: number[] = [];
  const limits = { rows: rowsLookedAt, ms: 1000 };
  await table.rows.prepare?.(undefined, limits);
  table.rows.read(undefined, limits, (row) => {
    const us = time.read(row[at] ?? null);
    if (!Number.isNaN(us)) times.push(us);
  });
  times.sort((one, other) => one - other);
  const steps = times.slice(1).map((us, index) => us - (times[index] ?? 0));
  const smallest = steps
    .filter((step) => step > 0)
    .reduce((least, step) => Math.min(least, step), Number.POSITIVE_INFINITY);
  if (Number.isFinite(smallest) && smallest % 1e6 === 0) return smallest / 1e6;
  throw new TradedbError('usage', 'the file does not show how long its candles are', {
    hint: 'name it like BTCUSDT-1m.csv, or map the column "interval_s"',
  });
}
