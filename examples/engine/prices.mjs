// The bundled daily bars of the S&P 500 as a stream of prices in cents: each bar becomes a walk from open over low and high
// to close, so every price lies inside a real day.
import { readFileSync } from 'node:fs';

const file = new URL('../../fixtures/sp500-2000.csv', import.meta.url);
const stepsPerLeg = 40;

/** @returns {Generator<number, void>} prices in cents, from the first day on, again from the start when the days are over */
export function* prices() {
  const bars = readFileSync(file, 'utf8').trim().split('\n').slice(1).map(parse);
  for (;;) {
    for (const { open, high, low, close } of bars) {
      const corners = close > open ? [open, low, high, close] : [open, high, low, close];
      for (let leg = 1; leg < corners.length; leg++) {
        const [from, to] = [corners[leg - 1], corners[leg]];
        for (let step = 0; step < stepsPerLeg; step++) yield Math.round(from + ((to - from) * step) / stepsPerLeg);
      }
    }
  }
}

function parse(line) {
  // 32-bit floats of cents: 1438.359985 is 1438.36.
  const [open, high, low, close] = line
    .split(',')
    .slice(1, 5)
    .map((text) => Math.round(Number(text) * 100));
  return { open, high, low, close };
}
