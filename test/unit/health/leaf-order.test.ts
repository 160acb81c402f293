import { describe, expect, it } from 'vitest';
import { KeyOwners } from '../../../src/core/health/recovery/key-owners.ts';
import { leavesOutOfPlace, type PlacedLeaf } from '../../../src/core/health/recovery/leaf-order.ts';
import { RivalLeaves } from '../../../src/core/health/recovery/rival-leaves.ts';

const leaf = (page: number, [above, upTo]: (bigint | undefined)[], first: bigint, last: bigint): PlacedLeaf => ({
  page,
  above,
  upTo,
  first,
  last,
  rows: 2,
});

describe('leaves whose keys are not where the tree points', () => {
  const before = leaf(2, [undefined, 10n], 1n, 10n);
  const after = leaf(4, [20n, undefined], 21n, 30n);

  it('finds none in a sound tree', () => {
    expect(leavesOutOfPlace([before, leaf(3, [10n, 20n], 11n, 20n), after])).toEqual([]);
  });

  it('finds an older use of a page', () => {
    const stray = leaf(3, [10n, 20n], 3n, 5n);
    expect(leavesOutOfPlace([before, stray, after])).toEqual([stray]);
  });

  it('keeps a leaf that fits between its neighbours: the key above it is wrong', () => {
    expect(leavesOutOfPlace([before, leaf(3, [10n, 12n], 15n, 18n), after])).toEqual([]);
  });
});

describe('owners of keys', () => {
  const owners = new KeyOwners([
    { page: 4, above: 20n, upTo: undefined },
    { page: 2, above: undefined, upTo: 10n },
  ]);

  it.each([
    [-5n, 2],
    [10n, 2],
    [11n, undefined],
    [20n, undefined],
    [21n, 4],
  ])('key %s is of page %s', (key, page) => {
    expect(owners.ownerOf(key)).toBe(page);
  });
});

describe('leaves whose keys overlap', () => {
  const rows = new Map([
    [7, [5n, 8n]],
    [9, [6n, 8n, 9n]],
    [11, [20n]],
  ]);
  const rowsOf = (page: number) =>
    (rows.get(page) ?? []).map((rowid) => ({ page, rowid, values: [rowid === 8n && page === 9 ? 'other' : 'same'] }));
  const rivals = new RivalLeaves(
    [
      { page: 7, first: 5n, last: 8n },
      { page: 9, first: 6n, last: 9n },
      { page: 11, first: 20n, last: 20n },
    ],
    rowsOf,
  );
  const contested = (page: number): unknown[] =>
    rowsOf(page)
      .filter((row) => rivals.contest(row))
      .map(({ rowid }) => rowid);

  it('contests rows that only one has, and rows that differ, but none outside of the other leaf', () => {
    expect(contested(7)).toEqual([8n]);
    expect(contested(9)).toEqual([6n, 8n]);
    expect(contested(11)).toEqual([]);
  });
});
