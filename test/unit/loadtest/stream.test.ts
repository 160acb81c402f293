import { describe, expect, it } from 'vitest';
import { orderEntryScenarios } from '../../../src/core/loadtest/scenario/order-entry.ts';
import type { Scenario } from '../../../src/core/loadtest/scenario/scenario.ts';
import { AliasTable } from '../../../src/core/loadtest/stream/alias-table.ts';
import { CounterDraw } from '../../../src/core/loadtest/stream/draw.ts';
import { drawKey, type KeyDistribution } from '../../../src/core/loadtest/stream/key-distribution.ts';
import { keySpace, StatementStream } from '../../../src/core/loadtest/stream/statement-stream.ts';

const mixed = orderEntryScenarios.find(({ name }) => name === 'mixed') as Scenario;

describe('counter draw', () => {
  it('gives the same values for the same transaction, in any order', () => {
    const draw = new CounterDraw(42, 1);
    const first = [7, 3, 2 ** 40 + 5].map((k) => [draw.start(k).uniform(), draw.uniform(), draw.integer(1000)]);
    const other = new CounterDraw(42, 1);
    const again = [2 ** 40 + 5, 3, 7].map((k) => [other.start(k).uniform(), other.uniform(), other.integer(1000)]);
    expect(again.toReversed()).toEqual(first);
  });

  it('differs by seed, purpose, transaction, and beyond 32 bits', () => {
    const value = (seed: number, purpose: number, k: number): number =>
      new CounterDraw(seed, purpose).start(k).uniform();
    const values = [value(1, 0, 0), value(2, 0, 0), value(1, 1, 0), value(1, 0, 1), value(1, 0, 2 ** 32)];
    expect(new Set(values).size).toBe(values.length);
  });

  it('is uniform: chi-square over 100 cells of 100,000 first values', () => {
    const draw = new CounterDraw(9, 0);
    const cells = new Array<number>(100).fill(0);
    for (let k = 0; k < 100_000; k++) cells[Math.floor(draw.start(k).uniform() * 100)]! += 1;
    const chi = cells.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    // 99 degrees of freedom: 99.9% lie below 149.
    expect(chi).toBeLessThan(149);
  });

  it('draws Zipf values with the right shares', () => {
    const draw = new CounterDraw(5, 1);
    for (const theta of [0.5, 0.99, 1, 1.4]) {
      const counts = new Array<number>(21).fill(0);
      for (let k = 0; k < 60_000; k++) counts[draw.start(k).zipf(20, theta)]! += 1;
      const total = Array.from({ length: 20 }, (_, i) => (i + 1) ** -theta).reduce((a, b) => a + b);
      for (const key of [1, 2, 5, 20]) {
        const expected = (60_000 * key ** -theta) / total;
        expect(Math.abs((counts[key] as number) - expected)).toBeLessThan(5 * Math.sqrt(expected));
      }
      expect(counts[0]).toBe(0);
    }
  });
});

describe('alias table', () => {
  it('keeps the weights and never picks a weight of zero', () => {
    const table = new AliasTable([3, 0, 1, 6]);
    const draw = new CounterDraw(1, 0);
    const counts = [0, 0, 0, 0];
    for (let k = 0; k < 100_000; k++) counts[table.pick(draw.start(k).uniform())]! += 1;
    expect(counts[1]).toBe(0);
    expect(counts[0]! / 100_000).toBeCloseTo(0.3, 2);
    expect(counts[3]! / 100_000).toBeCloseTo(0.6, 2);
  });
});

describe('key distributions', () => {
  const share = (distribution: KeyDistribution, wanted: (key: number) => boolean): number => {
    const draw = new CounterDraw(3, 1);
    let hits = 0;
    for (let k = 0; k < 20_000; k++) if (wanted(drawKey(distribution, draw.start(k)))) hits += 1;
    return hits / 20_000;
  };

  it('stay inside their bounds', () => {
    const kinds: KeyDistribution[] = [
      { kind: 'uniform', low: 5, high: 9 },
      { kind: 'zipf', low: 5, high: 9, theta: 1.1 },
      { kind: 'latest', low: 5, high: 9, theta: 1.1 },
      { kind: 'hotset', low: 5, high: 9, hotShare: 0.2, hotWork: 0.8 },
    ];
    for (const kind of kinds) expect(share(kind, (key) => key >= 5 && key <= 9)).toBe(1);
  });

  it('put the work where they say', () => {
    expect(share({ kind: 'hotset', low: 1, high: 100, hotShare: 0.2, hotWork: 0.8 }, (key) => key <= 20)).toBeCloseTo(
      0.8,
      1,
    );
    const newest = share({ kind: 'latest', low: 1, high: 1000, theta: 0.99 }, (key) => key === 1000);
    const oldest = share({ kind: 'zipf', low: 1, high: 1000, theta: 0.99 }, (key) => key === 1);
    expect(newest).toBe(oldest);
    expect(newest).toBeGreaterThan(0.1);
  });
});

describe('statement stream', () => {
  it('has one hash per seed', () => {
    const hash = new StatementStream(mixed, 42).streamHash();
    expect(new StatementStream(mixed, 42).streamHash()).toBe(hash);
    expect(new StatementStream(mixed, 43).streamHash()).not.toBe(hash);
  });

  it('notices another statement text, weight or value', () => {
    const base = new StatementStream(mixed, 1).streamHash(500);
    const [first, ...rest] = mixed.transactions;
    const changed = (parts: object): string =>
      new StatementStream({ ...mixed, transactions: [{ ...first!, ...parts }, ...rest] }, 1).streamHash(500);
    expect(changed({ statements: ['SELECT 1'] })).not.toBe(base);
    expect(changed({ weight: 1 })).not.toBe(base);
    expect(changed({ parameters: () => ({ a: 1 }) })).not.toBe(base);
  });

  it('tells 1 from 1n, from text and from bytes', () => {
    const hashOf = (value: number | bigint | string | Uint8Array): string =>
      new StatementStream(
        { ...mixed, transactions: [{ name: 'x', weight: 1, statements: [], parameters: () => ({ value }) }] },
        1,
      ).streamHash(1);
    expect(new Set([hashOf(1), hashOf(1n), hashOf('1'), hashOf(new Uint8Array([1]))]).size).toBe(4);
  });

  it('sums executed transactions to the same hash for 1, 2, 4 and 8 clients', () => {
    const stream = new StatementStream(mixed, 7);
    const numbers = (clients: number): number[] =>
      Array.from({ length: clients }, (_, client) =>
        Array.from({ length: Math.ceil((200 - client) / clients) }, (_, index) => client + index * clients),
      ).flat();
    const hashes = [1, 2, 4, 8].map((clients) => stream.executedHash(numbers(clients)));
    expect(new Set(hashes).size).toBe(1);
    expect(stream.executedHash(numbers(1).slice(1))).not.toBe(hashes[0]);
  });

  it('gives warm-up other transactions than the measured phase', () => {
    const stream = new StatementStream(mixed, 7);
    const type = stream.typeOf(0);
    expect(stream.parametersOf(keySpace.warmup, type)).not.toEqual(stream.parametersOf(0, type));
  });
});
