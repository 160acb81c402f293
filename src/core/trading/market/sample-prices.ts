import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromFileSystem, TradedbError } from '../../error.ts';

/** One day of one instrument; prices in cents. */
export interface DailyBar {
  /** Midnight UTC of the trading date. */
  readonly dayUs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  /** Shares, as the source gives it. */
  readonly volume: number;
}

/** The bundled real prices (fixtures/README.md), in the sources and in `dist` alike. */
export const samplePricesFile: string = fileURLToPath(new URL('../../../../fixtures/sp500-2000.csv', import.meta.url));

const header = 'date,open,high,low,close,adjclose,volume';

/** Reads daily bars, oldest first. The prices of the file are 32-bit floats of cents: rounding restores each exactly. */
export function readDailyBars(file: string = samplePricesFile): DailyBar[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw fromFileSystem(error, file);
  }
  const [first, ...lines] = text.trimEnd().split(/\r?\n/);
  if (first !== header) {
    throw new TradedbError('unsupported', `${JSON.stringify(file)} does not hold daily bars`, {
      hint: `its first line must be ${header}`,
    });
  }
  return lines.map((line, index) => parseBar(line, index + 2, file));
}

function parseBar(line: string, number: number, file: string): DailyBar {
  const [date = '', open, high, low, close, , volume] = line.split(',');
  const cents = (value: string | undefined): number => Math.round(Number(value) * 100);
  const bar = {
    dayUs: Date.parse(`${date}T00:00:00Z`) * 1000,
    open: cents(open),
    high: cents(high),
    low: cents(low),
    close: cents(close),
    volume: Number(volume),
  };
  const isWhole = Object.values(bar).every((value) => Number.isSafeInteger(value));
  if (isWhole && bar.low > 0 && bar.low <= Math.min(bar.open, bar.close) && bar.high >= Math.max(bar.open, bar.close)) {
    return bar;
  }
  throw new TradedbError('unsupported', `${JSON.stringify(file)} has no valid daily bar in line ${number}`);
}
