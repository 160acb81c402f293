import type { DailyBar } from './sample-prices.ts';
import type { SeededRandom } from './seeded-random.ts';
import { sessionMinutes } from './trading-day.ts';

/** Prices at the 391 minute borders of a session, in cents: first open, last close, once high, once low, none beyond. */
export type PricePath = Int32Array;

/** A random walk pinned to open, high, low and close of the day: bridges between the four, kept inside the range. */
export function pricePath(bar: DailyBar, random: SeededRandom): PricePath {
  const path = new Int32Array(sessionMinutes + 1);
  const [first, second] = turningPoints(random);
  const isHighFirst = random.uniform() < 0.5;
  const pins: [minute: number, price: number][] = [
    [0, bar.open],
    [first, isHighFirst ? bar.high : bar.low],
    [second, isHighFirst ? bar.low : bar.high],
    [sessionMinutes, bar.close],
  ];
  const step = Math.max(1, (bar.high - bar.low) / Math.sqrt(sessionMinutes));
  for (let part = 1; part < pins.length; part++) {
    const from = pins[part - 1] as [number, number];
    const to = pins[part] as [number, number];
    bridge(path, { from, to, step, low: bar.low, high: bar.high }, random);
  }
  return path;
}

function turningPoints(random: SeededRandom): [number, number] {
  const first = 1 + random.integer(sessionMinutes - 2);
  let second = 1 + random.integer(sessionMinutes - 2);
  if (second === first) second = first === 1 ? 2 : first - 1;
  return first < second ? [first, second] : [second, first];
}

function bridge(
  path: Int32Array,
  span: { from: [number, number]; to: [number, number]; step: number; low: number; high: number },
  random: SeededRandom,
): void {
  const [start, startPrice] = span.from;
  const [end, endPrice] = span.to;
  let price = startPrice;
  path[start] = startPrice;
  for (let minute = start + 1; minute < end; minute++) {
    price += (endPrice - price) / (end - minute + 1) + span.step * random.normal();
    price = Math.min(span.high, Math.max(span.low, price));
    path[minute] = Math.round(price);
  }
  path[end] = endPrice;
}

/** The price between two minute borders, at a share of the session. */
export function priceAt(path: PricePath, share: number): number {
  const at = Math.min(sessionMinutes, Math.max(0, share * sessionMinutes));
  const minute = Math.min(sessionMinutes - 1, Math.floor(at));
  const from = path[minute] ?? 0;
  const to = path[minute + 1] ?? from;
  return Math.round(from + (to - from) * (at - minute));
}
