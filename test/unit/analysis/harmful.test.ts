import { describe, expect, test } from 'vitest';
import type { ExistingIndex } from '../../../src/core/analysis/candidates/index-definition.ts';
import type { Meter, Objective } from '../../../src/core/analysis/cost/meter.ts';
import {
  type Configuration,
  currentIndexes,
  type StudiedQuery,
} from '../../../src/core/analysis/cost/studied-query.ts';
import { harmfulIndexes } from '../../../src/core/analysis/index-advice/drops.ts';
import type { ConfigurationPlanner } from '../../../src/core/analysis/shadow/configuration-planner.ts';

const index = (name: string, parts: Partial<ExistingIndex> = {}): ExistingIndex => ({
  name,
  table: 't',
  terms: [],
  unique: false,
  sql: `CREATE INDEX ${name} ON t(a)`,
  automatic: false,
  isTable: false,
  ...parts,
});

const query = { query: { name: 'latest', fingerprint: 'f', weight: 10 }, isWrite: false } as unknown as StudiedQuery;

const objective = (ms: number): Objective => ({
  readMs: ms * 10,
  writeMs: 0,
  totalMs: ms * 10,
  perQuery: new Map([['f', ms]]),
  plain: null,
});

/** The statement uses every index in `used`; without `lure` it takes `withoutMs` instead of 10 ms. */
function search(used: readonly string[], withoutMs: number, existing: readonly ExistingIndex[], deadline = 1000) {
  const meter = {
    measure: async ({ dropped }: Configuration) => objective(dropped.includes('lure') ? withoutMs : 10),
  } as unknown as Meter;
  const planner = { plans: () => [[{ indexes: new Set(used) }]] } as unknown as ConfigurationPlanner;
  return harmfulIndexes(
    existing,
    { configuration: currentIndexes, objective: objective(10) },
    { meter, planner, queries: [query], maxSlowdown: 1.1, deadline, now: () => 500 },
  );
}

describe('harmful indexes', () => {
  test('an index that a read uses and would be quicker without', async () => {
    const found = await search(['lure', 'good'], 4, [index('lure'), index('good')]);
    expect(found).toEqual([{ index: index('lure'), reason: 'makes latest slower than it is without it' }]);
  });

  test('not for a gain within the noise, or when the statement is slower without', async () => {
    expect(await search(['lure'], 9, [index('lure')])).toEqual([]);
    expect(await search(['lure'], 40, [index('lure')])).toEqual([]);
  });

  test('never an index that no read uses, that is a constraint, or after the deadline', async () => {
    expect(await search([], 4, [index('lure')])).toEqual([]);
    expect(await search(['lure'], 4, [index('lure', { unique: true })])).toEqual([]);
    expect(await search(['lure'], 4, [index('lure', { automatic: true })])).toEqual([]);
    expect(await search(['lure'], 4, [index('lure')], 100)).toEqual([]);
  });
});
