import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TradedbError } from '../../../src/core/error.ts';
import { holds, parseThreshold, type ThresholdScope } from '../../../src/core/loadtest/threshold.ts';

const open: ThresholdScope = { loop: 'open', transactions: ['order.new', 'x', 'p99', 'a:b'] };
const closed: ThresholdScope = { ...open, loop: 'closed' };

const durations = [
  ['250us', 250],
  ['5ms', 5000],
  ['1.5 ms', 1500],
  ['2s', 2_000_000],
  ['70µs', 70],
] as const;

describe('thresholds', () => {
  it('reads transaction, separator, view, statistic, operator and unit in any spacing', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...open.transactions, undefined),
        fc.constantFrom('.', ':'),
        fc.constantFrom('service.', 'response.', ''),
        fc.constantFrom('p50', 'p90', 'p95', 'p99', 'p99.9', 'max', 'mean'),
        fc.constantFrom('<', '<=', '>', '>='),
        fc.constantFrom(...durations),
        fc.constantFrom('', ' ', '  '),
        (transaction, separator, view, statistic, operator, [value, limit], space) => {
          const name = transaction === undefined ? '' : `${transaction}${separator}`;
          const parsed = parseThreshold(`${name}${view}${statistic}${space}${operator}${space}${value}`, open);
          expect(parsed.transaction).toBe(transaction);
          expect(parsed.metric).toEqual({
            kind: 'latency',
            view: view === '' ? 'either' : view.slice(0, -1),
            statistic,
          });
          expect(parsed.operator).toBe(operator);
          expect(parsed.limit).toBeCloseTo(limit);
        },
      ),
    );
  });

  it('either reads an expression or refuses it as usage, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `p99 <= ${text}`),
        ),
        (text) => {
          try {
            expect(Number.isFinite(parseThreshold(text, open).limit)).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(TradedbError);
            expect((error as TradedbError).code).toBe('usage');
          }
        },
      ),
    );
  });

  it.each([
    ['errors.rate < 1%', 0.01],
    ['order.new.errors.rate <= 0', 0],
    ['rate.perSecond >= 2,000', 2000],
    ['rate.perSecond >= 2000/s', 2000],
    ['cpu.perTransaction < 150us', 150],
    ['wal.maxBytes < 64MiB', 67_108_864],
    ['rate.achieved >= 99%', 0.99],
  ])('%s', (text, limit) => {
    expect(parseThreshold(text, open).limit).toBeCloseTo(limit);
  });

  it.each([
    ['p99 <= 5', /not a duration/],
    ['p98 <= 5ms', /no metric/],
    ['nobody.p99 <= 5ms', /no transaction nobody/],
    ['errors.rate < 1', /not a percentage/],
    ['p99 = 5ms', /expected/],
    ['p99 <=', /expected/],
    ['order.new.wal.maxBytes < 1MB', /whole run only/],
  ])('refuses %s', (text, why) => {
    expect(() => parseThreshold(text, open)).toThrow(why);
  });

  it.each(['response.p99 <= 5ms', 'rate.achieved > 99%', 'late.rate < 1%'])('refuses %s in a closed loop', (text) => {
    expect(() => parseThreshold(text, closed)).toThrow(/closed loop/);
    expect(parseThreshold('p99 <= 5ms', closed).limit).toBe(5000);
  });

  it('compares exactly, and never holds without a value', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (actual, limit) => {
        const at = (operator: string) => holds({ ...parseThreshold(`p99 ${operator} 1ms`, open), limit }, actual);
        expect([at('<'), at('<='), at('>'), at('>=')]).toEqual([
          actual < limit,
          actual <= limit,
          actual > limit,
          actual >= limit,
        ]);
      }),
    );
    for (const operator of ['<', '<=', '>', '>=']) {
      expect(holds(parseThreshold(`p99 ${operator} 1ms`, open), undefined)).toBe(false);
    }
  });
});
