import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { Btree, BtreeKind } from './btree.ts';
import { type PageFill, Repack } from './repack.ts';

/** What one b-tree holds. Figures that need a look at each page are null when only totals were asked for. */
export interface BtreeUsage {
  readonly name: string;
  readonly kind: BtreeKind;
  readonly table: string;
  readonly pages: number;
  readonly sizeBytes: number;
  readonly payloadBytes: number;
  readonly unusedBytes: number;
  readonly largestPayloadBytes: number;
  readonly overflowPages: number | null;
  readonly leafPages: number | null;
  readonly innerPages: number | null;
  /** Levels from the root to the leaves; 1 when the root is a leaf. */
  readonly depth: number | null;
  /** Mean number of children of an inner page; null for a tree of one level. */
  readonly fanOut: number | null;
  /** Share of the leaves that do not lie right behind their predecessor in the file. */
  readonly leafGapShare: number | null;
  /** Rows of a table, entries of an index. */
  readonly entries: number | null;
  readonly payloadBytesPerEntry: number | null;
  /** Pages that VACUUM would take from this tree. */
  readonly reclaimPages: number;
}

interface PageRow {
  readonly pageno: number;
  readonly path: string;
  readonly pagetype: string;
  readonly ncell: number;
  readonly payload: number;
  readonly unused: number;
  readonly mx_payload: number;
}

/** Share of the unused bytes that VACUUM returned in the median of the histories that were measured. */
const totalsReclaimShare = 0.97;

/** Totals of one b-tree from dbstat's aggregated form: half the time of the page by page form, no shape. */
export function btreeTotals(connection: Connection, btree: Btree, pageBytes: number): BtreeUsage {
  const row = connection.get<PageRow>(
    'SELECT pageno, payload, unused, mx_payload FROM dbstat WHERE name = ? AND aggregate = TRUE',
    [btree.name],
  );
  const pages = row?.pageno ?? 0;
  const unusedBytes = row?.unused ?? 0;
  return {
    name: btree.name,
    kind: btree.kind,
    table: btree.table,
    pages,
    sizeBytes: pages * pageBytes,
    payloadBytes: row?.payload ?? 0,
    unusedBytes,
    largestPayloadBytes: row?.mx_payload ?? 0,
    overflowPages: null,
    leafPages: null,
    innerPages: null,
    depth: null,
    fanOut: null,
    leafGapShare: null,
    entries: null,
    payloadBytesPerEntry: null,
    reclaimPages: Math.floor((totalsReclaimShare * unusedBytes) / pageBytes),
  };
}

/** Walks every page of one b-tree in key order. */
export function btreeUsage(connection: Connection, btree: Btree, pageBytes: number): BtreeUsage {
  const walk = new PageWalk(btree, pageBytes);
  const sql = 'SELECT pageno, path, pagetype, ncell, payload, unused, mx_payload FROM dbstat WHERE name = ?';
  for (const page of connection.iterate<PageRow>(sql, [btree.name])) walk.page(page);
  return walk.usage();
}

class PageWalk {
  readonly #btree: Btree;
  readonly #pageBytes: number;
  readonly #repack: Repack;
  #leafPages = 0;
  #innerPages = 0;
  #overflowPages = 0;
  #leafCells = 0;
  #innerCells = 0;
  #payload = 0;
  #unused = 0;
  #largest = 0;
  #depth = 0;
  #gaps = 0;
  #previousLeaf = 0;

  constructor(btree: Btree, pageBytes: number) {
    this.#btree = btree;
    this.#pageBytes = pageBytes;
    this.#repack = new Repack(pageBytes, btree.keyed);
  }

  page(page: PageRow): void {
    this.#payload += page.payload;
    this.#unused += page.unused;
    this.#largest = Math.max(this.#largest, page.mx_payload);
    switch (page.pagetype) {
      case 'leaf':
        this.#leaf(page);
        break;
      case 'internal':
        this.#innerPages += 1;
        this.#innerCells += page.ncell;
        this.#repack.inner(fillOf(page));
        break;
      case 'overflow':
        this.#overflowPages += 1;
        break;
      default:
        throw new TradedbError('database_corrupt', `page ${page.pageno} of ${this.#btree.name} cannot be read`, {
          hint: 'see: tradedb health --full',
        });
    }
  }

  #leaf(page: PageRow): void {
    // The path of the root is "/", that of its children "/000/".
    this.#depth = Math.max(this.#depth, page.path.split('/').length - 1);
    if (this.#leafPages > 0 && page.pageno !== this.#previousLeaf + 1) this.#gaps += 1;
    this.#previousLeaf = page.pageno;
    this.#leafPages += 1;
    this.#leafCells += page.ncell;
    this.#repack.leaf(fillOf(page));
  }

  usage(): BtreeUsage {
    const btreePages = this.#leafPages + this.#innerPages;
    const pages = btreePages + this.#overflowPages;
    const entries = this.#leafCells + (this.#btree.keyed ? this.#innerCells : 0);
    return {
      name: this.#btree.name,
      kind: this.#btree.kind,
      table: this.#btree.table,
      pages,
      sizeBytes: pages * this.#pageBytes,
      payloadBytes: this.#payload,
      unusedBytes: this.#unused,
      largestPayloadBytes: this.#largest,
      overflowPages: this.#overflowPages,
      leafPages: this.#leafPages,
      innerPages: this.#innerPages,
      depth: this.#depth,
      fanOut: this.#innerPages === 0 ? null : (btreePages - 1) / this.#innerPages,
      leafGapShare: this.#leafPages < 2 ? 0 : this.#gaps / (this.#leafPages - 1),
      entries,
      payloadBytesPerEntry: entries === 0 ? null : this.#payload / entries,
      reclaimPages: Math.max(0, btreePages - this.#repack.pages),
    };
  }
}

function fillOf(page: PageRow): PageFill {
  return {
    cells: page.ncell,
    unusedBytes: page.unused,
    payloadBytes: page.payload,
    largestPayloadBytes: page.mx_payload,
  };
}
