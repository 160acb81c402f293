import type { PricePath } from './price-path.ts';
import type { SampleBatch } from './row-sink.ts';
import type { DailyBar } from './sample-prices.ts';
import type { SeededRandom } from './seeded-random.ts';
import { minuteOf, sessionMinutes } from './trading-day.ts';

/** Candles and ticks of one instrument and day. */

export function pushDailyCandle(batch: SampleBatch, instrumentId: number, bar: DailyBar): void {
  const { dayUs, open, high, low, close, volume } = bar;
  batch.candles.push([instrumentId, 86_400, dayUs, open, high, low, close, volume, null, 1, null, null]);
}

interface Minute {
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
}

function minuteAt(path: PricePath, minute: number, bar: DailyBar, random: SeededRandom): Minute {
  const open = path[minute] ?? bar.open;
  const close = path[minute + 1] ?? open;
  const wiggle = Math.max(1, Math.round((bar.high - bar.low) / 100));
  return {
    open,
    close,
    high: Math.min(bar.high, Math.max(open, close) + random.integer(wiggle + 1)),
    low: Math.max(bar.low, Math.min(open, close) - random.integer(wiggle + 1)),
  };
}

/** The 390 one-minute candles of a session. */
export function pushMinuteCandles(
  batch: SampleBatch,
  day: { instrumentId: number; bar: DailyBar; path: PricePath; openUs: number },
  random: SeededRandom,
): void {
  for (let minute = 0; minute < sessionMinutes; minute++) {
    const { open, high, low, close } = minuteAt(day.path, minute, day.bar, random);
    const volume = Math.round((day.bar.volume / sessionMinutes) * (0.3 + 1.4 * random.uniform()));
    const openUs = minuteOf(day.openUs, minute);
    batch.candles.push([day.instrumentId, 60, openUs, open, high, low, close, volume, null, 1, null, null]);
  }
}

/** One-minute candles with the ticks that make them up: open, high, low and close trade in each minute. */
export function pushTicksAndCandles(
  batch: SampleBatch,
  day: { instrumentId: number; bar: DailyBar; path: PricePath; openUs: number },
  random: SeededRandom,
): void {
  for (let minute = 0; minute < sessionMinutes; minute++) {
    const { open, high, low, close } = minuteAt(day.path, minute, day.bar, random);
    const openUs = minuteOf(day.openUs, minute);
    const isHighFirst = random.uniform() < 0.5;
    const prices = [open, isHighFirst ? high : low, isHighFirst ? low : high, close];
    let volume = 0;
    for (const [index, price] of prices.entries()) {
      const qty = 1 + random.integer(200);
      volume += qty;
      const tsUs = openUs + 1 + index * 15_000_000 + random.integer(14_000_000);
      batch.ticks.push([day.instrumentId, tsUs, 1, price, qty, random.uniform() < 0.5 ? 1 : -1, null]);
    }
    batch.candles.push([day.instrumentId, 60, openUs, open, high, low, close, volume, 4, 1, null, null]);
  }
}
