/** Rowids above the first bound and up to the second; undefined: without a bound. */
export interface KeyRange {
  readonly above: bigint | undefined;
  readonly upTo: bigint | undefined;
}

/** A leaf of a table where the tree points at it: the keys that belong there, and those that it holds. */
export interface PlacedLeaf extends KeyRange {
  readonly page: number;
  readonly first: bigint;
  readonly last: bigint;
  readonly rows: number;
}

/**
 * Leaves whose keys have no place where the tree points at them, of leaves in the order of the tree. Such a page is an
 * older use of its number: a newer image of it never reached the file, so its rows may be deleted ones. Where the keys
 * fit between those of the neighbours, it is the key of the interior page that is wrong, and the leaf is kept.
 */
export function leavesOutOfPlace(leaves: readonly PlacedLeaf[]): PlacedLeaf[] {
  const nextFirst = firstKeysBehind(leaves);
  const strays: PlacedLeaf[] = [];
  let lastKey: bigint | undefined;
  for (const [place, leaf] of leaves.entries()) {
    if (isInPlace(leaf)) {
      if (lastKey === undefined || leaf.last > lastKey) lastKey = leaf.last;
      continue;
    }
    const next = nextFirst[place];
    const fits = (lastKey === undefined || leaf.first > lastKey) && (next === undefined || leaf.last < next);
    const alone = lastKey === undefined && next === undefined;
    if (fits && !alone) lastKey = leaf.last;
    else strays.push(leaf);
  }
  return strays;
}

/** For each leaf the first key of the next one that is in its place. */
function firstKeysBehind(leaves: readonly PlacedLeaf[]): (bigint | undefined)[] {
  const keys = new Array<bigint | undefined>(leaves.length);
  let next: bigint | undefined;
  for (let place = leaves.length - 1; place >= 0; place--) {
    const leaf = leaves[place] as PlacedLeaf;
    keys[place] = next;
    if (isInPlace(leaf)) next = leaf.first;
  }
  return keys;
}

export function isInPlace(leaf: PlacedLeaf): boolean {
  return holds(leaf, leaf.first) && holds(leaf, leaf.last);
}

export function holds({ above, upTo }: KeyRange, key: bigint): boolean {
  return (above === undefined || key > above) && (upTo === undefined || key <= upTo);
}
