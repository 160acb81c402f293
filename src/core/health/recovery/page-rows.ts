import { isInteriorType, isTableType, readCell, readPageHeader, uint16 } from '../../file-format/btree-page.ts';
import { type RecordValue, readRecord } from '../../file-format/record.ts';
import { readPayload } from '../schema-pages.ts';
import { trustedCells } from './leaf-cells.ts';
import { cellKey } from './overflow-chain.ts';
import type { SalvageSource } from './salvage-source.ts';
import type { Branch } from './tree-walk.ts';

export interface SalvagedRow {
  readonly page: number;
  /** Of table pages; undefined in a WITHOUT ROWID table. */
  readonly rowid: bigint | undefined;
  readonly values: readonly RecordValue[];
}

/** A cell that cannot be understood: a broken overflow chain, a broken record. */
export interface LostCell {
  readonly page: number;
  readonly rowid: bigint | undefined;
  /** What is left of it on its own page. */
  readonly bytes: Uint8Array;
}

export interface PageRows {
  readonly rows: readonly SalvagedRow[];
  readonly lost: readonly LostCell[];
}

/** Rows of a broken leaf of a table that can be trusted, and what is left of the other cells. */
export function rowsOfBrokenLeaf(source: SalvageSource, { page: number, above, upTo }: Branch): PageRows {
  const cut = source.cutPage?.(number);
  const page = source.pages.read(number) ?? cut?.page;
  const header = page === undefined ? undefined : readPageHeader(page, number);
  if (page === undefined || header === undefined) return { rows: [], lost: [] };
  const limits = { usableSize: source.usableSize, availableBytes: cut?.availableBytes ?? source.pageSize };
  const trusted = new Set(trustedCells(page, header, limits));
  const rows: SalvagedRow[] = [];
  const lost: LostCell[] = [];
  const count = header.pointersAt + 2 * header.cellCount > header.contentStart ? trusted.size : header.cellCount;
  for (let index = 0; index < count && header.pointersAt + 2 * index + 2 <= page.length; index++) {
    const options = { ...limits, suspects: source.suspects, chain: source.chains.get(cellKey(number, index)) };
    const whole = trusted.has(index) ? readPayload(source.pages, page, header, index, options) : undefined;
    const values = whole === undefined ? undefined : readRecord(whole.payload, source.encoding, true);
    const rowid = whole?.rowid;
    const isInRange =
      rowid !== undefined && (above === undefined || rowid > above) && (upTo === undefined || rowid <= upTo);
    if (values !== undefined && isInRange) {
      rows.push({ page: number, rowid, values });
      continue;
    }
    const cell = readCell(page, header.type, uint16(page, header.pointersAt + 2 * index), source.usableSize);
    if (cell !== undefined) lost.push({ page: number, rowid: cell.rowid, bytes: cell.local });
  }
  return { rows, lost };
}

/** Rows on one page. Interior pages of index trees hold rows of a WITHOUT ROWID table too; those of tables hold none. */
export function rowsOfPage(source: SalvageSource, pageNumber: number): PageRows {
  const page = source.pages.read(pageNumber);
  const header = page === undefined ? undefined : readPageHeader(page, pageNumber);
  if (page === undefined || header === undefined) return { rows: [], lost: [] };
  const isTable = isTableType(header.type);
  if (isTable && isInteriorType(header.type)) return { rows: [], lost: [] };
  const rows: SalvagedRow[] = [];
  const lost: LostCell[] = [];
  const { usableSize, suspects, chains } = source;
  const options = { usableSize, suspects };
  for (let index = 0; index < header.cellCount; index++) {
    // Nearly never is there any, and a key for each cell costs.
    const chain = chains.size === 0 ? undefined : chains.get(cellKey(pageNumber, index));
    const whole = readPayload(source.pages, page, header, index, chain === undefined ? options : { ...options, chain });
    const values = whole === undefined ? undefined : readRecord(whole.payload, source.encoding, true);
    if (whole !== undefined && values !== undefined) {
      rows.push({ page: pageNumber, rowid: isTable ? whole.rowid : undefined, values });
      continue;
    }
    const cell = readCell(page, header.type, uint16(page, header.pointersAt + 2 * index), source.usableSize);
    lost.push({ page: pageNumber, rowid: cell?.rowid, bytes: cell?.local ?? new Uint8Array(0) });
  }
  return { rows, lost };
}
