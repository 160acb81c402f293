import {
  findPageFault,
  isInteriorType,
  isTableType,
  type PageHeader,
  pageType,
  readCell,
  readPageHeader,
  uint16,
  uint32,
} from '../../file-format/btree-page.ts';
import { holds, isInPlace, type KeyRange, leavesOutOfPlace, type PlacedLeaf } from './leaf-order.ts';
import type { SalvageSource } from './salvage-source.ts';

/** What can be reached from the root of a tree. */
export interface WalkedTree {
  /** Pages of the tree that are sound, in key order. */
  readonly pages: readonly number[];
  /** Pages that the tree points at and that are damaged, of another kind, or used before. */
  readonly broken: readonly number[];
  /** Keys that were below the broken pages; only of tables with rowids. */
  readonly missing: readonly KeyRange[];
  /** Broken leaves of a table that may still hold rows, with the keys that belong there. */
  readonly partial: readonly Branch[];
  /** Sound leaves whose keys have no place where the tree points at them: an older use of the page. */
  readonly misplaced: readonly number[];
  /** Sound leaves of a table that are in their place. */
  readonly leaves: readonly PlacedLeaf[];
  /** Rows on the sound pages. */
  readonly rows: number;
}

export interface Branch extends KeyRange {
  readonly page: number;
}

/** Follows a tree from its root. `taken` holds the pages of all trees so far: each page belongs to the first that reaches it. */
export function walkTree(source: SalvageSource, root: number, isTable: boolean, taken: Set<number>): WalkedTree {
  const pages: number[] = [];
  const broken: number[] = [];
  const missing: KeyRange[] = [];
  const partial: Branch[] = [];
  const leaves: PlacedLeaf[] = [];
  let rows = 0;
  const limits = { usableSize: source.usableSize, pageCount: source.pageCount };
  const open: Branch[] = [{ page: root, above: undefined, upTo: undefined }];
  for (let branch = open.pop(); branch !== undefined; branch = open.pop()) {
    const number = branch.page;
    const page = taken.has(number) ? undefined : source.pages.read(number);
    const header = page === undefined ? undefined : readPageHeader(page, number);
    const isFree = source.freelistSound && freePages(source).has(number);
    const isSound =
      page !== undefined &&
      header !== undefined &&
      !isFree &&
      isTableType(header.type) === isTable &&
      findPageFault(page, number, limits) === undefined;
    if (!isSound) {
      broken.push(number);
      if (isTable) missing.push({ above: branch.above, upTo: branch.upTo });
      if (isTable && !isFree && !taken.has(number) && mayHoldRows(source, number, page)) {
        partial.push(branch);
        taken.add(number);
      }
      continue;
    }
    taken.add(number);
    pages.push(number);
    // Interior pages of tables hold keys only; those of index trees hold entries too.
    if (!isTable || !isInteriorType(header.type)) rows += header.cellCount;
    if (header.type === pageType.tableLeaf) noteLeaf(leaves, { page, header, branch }, source.usableSize);
    open.push(...branchesOf(page, header, branch, source.usableSize).reverse());
  }
  const strays = leavesOutOfPlace(leaves);
  const misplaced = new Set(strays.map(({ page }) => page));
  rows -= strays.reduce((sum, leaf) => sum + leaf.rows, 0);
  const kept = strays.length === 0 ? pages : pages.filter((page) => !misplaced.has(page));
  const ranges = strays.map(({ above, upTo }) => ({ above, upTo }));
  return {
    pages: kept,
    broken: [...broken, ...misplaced],
    missing: [...missing, ...ranges],
    partial,
    misplaced: [...misplaced],
    leaves: leaves.filter(isInPlace),
    rows,
  };
}

/** Notes a sound leaf with its keys; of one with some keys in place, those count. */
function noteLeaf(
  leaves: PlacedLeaf[],
  { page, header, branch }: { page: Uint8Array; header: PageHeader; branch: Branch },
  usableSize: number,
): void {
  const rows = header.cellCount;
  if (rows === 0) return;
  const keyAt = (index: number): bigint =>
    readCell(page, header.type, uint16(page, header.pointersAt + 2 * index), usableSize)?.rowid ?? 0n;
  const leaf = { ...branch, first: keyAt(0), last: keyAt(rows - 1), rows };
  if (rows === 1 || isInPlace(leaf)) {
    leaves.push(leaf);
    return;
  }
  const inRange = Array.from({ length: rows }, (_, index) => keyAt(index)).filter((key) => holds(branch, key));
  leaves.push({ ...leaf, first: inRange[0] ?? leaf.first, last: inRange.at(-1) ?? leaf.last });
}

/** A leaf with a fault of its own, or one that the end of the file cuts. */
function mayHoldRows(source: SalvageSource, number: number, page: Uint8Array | undefined): boolean {
  const bytes = page ?? source.cutPage?.(number)?.page;
  return bytes !== undefined && number > 1 && bytes[0] === pageType.tableLeaf;
}

/** Children of an interior page with the keys that stand between them. */
export function branchesOf(page: Uint8Array, header: PageHeader, whole: KeyRange, usableSize: number): Branch[] {
  if (!isInteriorType(header.type)) return [];
  const branches: Branch[] = [];
  let above = whole.above;
  for (let index = 0; index < header.cellCount; index++) {
    const at = uint16(page, header.pointersAt + 2 * index);
    const key = header.type === pageType.tableInterior ? readCell(page, header.type, at, usableSize)?.rowid : undefined;
    branches.push({ page: uint32(page, at), above, upTo: key });
    above = key ?? above;
  }
  branches.push({ page: header.rightChild, above, upTo: whole.upTo });
  return branches;
}

const sets = new WeakMap<SalvageSource, Set<number>>();

/** Pages of the freelist, as far as it could be followed. */
export function freePages(source: SalvageSource): ReadonlySet<number> {
  const known = sets.get(source) ?? new Set([...source.freelist.trunks, ...source.freelist.leaves]);
  sets.set(source, known);
  return known;
}
