import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatByteSize, parseByteSize } from '../../../src/core/config/byte-size.ts';
import { formatDuration, parseDuration } from '../../../src/core/config/duration.ts';
import { TradedbError } from '../../../src/core/error.ts';

describe('durations', () => {
  it.each([
    ['250ms', 250],
    ['5s', 5000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['1.5s', 1500],
    ['50us', 0.05],
    ['2w', 1_209_600_000],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toBeCloseTo(ms, 9);
  });

  it('refuses every text that is no number with a unit', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!/^\s*(\d+(\.\d+)?(us|ms|[smhdwy]))+\s*$/.test(text));
        expect(() => parseDuration(text)).toThrow(TradedbError);
      }),
    );
    for (const text of ['5', '5 s', '-5s', '5S', 's', '', '1,5s', '5sec'])
      expect(() => parseDuration(text), text).toThrow(TradedbError);
  });

  it.each([
    [0, '0 s'],
    [0.85, '850 us'],
    [3.42, '3.4 ms'],
    [250, '250 ms'],
    [4210, '4.2 s'],
    [65_000, '1 m 5 s'],
    [3_600_000, '1 h'],
    [11_100_000, '3 h 5 m'],
    [432_000_000, '5 d'],
  ])('prints %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe('byte sizes', () => {
  it.each([
    ['64MiB', 67_108_864],
    ['1GB', 1_000_000_000],
    ['4096B', 4096],
    ['1.5kib', 1536],
    ['0B', 0],
  ])('reads %s', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });

  it('refuses a bare number and everything else', () => {
    for (const text of ['64', '64M', 'MiB', '-1MB', '1e3B', '', '1 MB x'])
      expect(() => parseByteSize(text), text).toThrow(TradedbError);
  });

  it('prints three significant digits within half a percent', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9_000_000_000_000 }), (bytes) => {
        const [number = '', unit = ''] = formatByteSize(bytes).split(' ');
        const factor = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 }[unit] ?? Number.NaN;
        expect(Math.abs(Number(number) * factor - bytes) / bytes).toBeLessThanOrEqual(0.0051);
      }),
    );
  });
});
